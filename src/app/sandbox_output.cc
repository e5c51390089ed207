#include "app/sandbox_output.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/descriptor.h"

namespace nxgate::app {
namespace {

namespace fs = std::filesystem;

std::string words() { return std::generic_category().message(errno); }

std::string name_in(const std::string& path) { return fs::path(path).filename(); }

/// One of our own, by its name: what it leads to is no file at this path.
bool is_descriptor(const std::string& path) {
  return path == "/dev/stdout" || path == "/dev/stderr" || path.starts_with("/dev/fd/") ||
         path.starts_with("/proc/");
}

bool write_all(const sys::Descriptor& file, const std::string& text) {
  return ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

}  // namespace

Result<SandboxOutput> SandboxOutput::at(const std::string& path) {
  SandboxOutput output;
  output.path_ = path;
  if (path.empty()) return output;
  std::error_code error;
  const fs::file_status there = fs::status(path, error);
  if (fs::exists(there) && (is_descriptor(path) || !fs::is_regular_file(there))) {
    output.stream_ =
        sys::Descriptor(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY));
    if (!output.stream_) return fail(fmt::format("{}: {}", path, words()));
    return output;
  }
  const fs::path parent = fs::path(path).parent_path();
  const fs::path directory = parent.empty() ? "." : parent;
  output.directory_ =
      sys::Descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!output.directory_ || ::faccessat(output.directory_.get(), ".", W_OK, AT_EACCESS) != 0) {
    return fail(
        fmt::format("{}: cannot write in the directory {}: {}", path, directory.string(), words()));
  }
  // One of before is not to be taken for this one.
  (void)::unlinkat(output.directory_.get(), name_in(path).c_str(), 0);
  return output;
}

Result<void> SandboxOutput::write(const std::string& text) const {
  if (stream_) {
    if (write_all(stream_, text)) return {};
    return fail(fmt::format("{} could not be written: {}", path_, words()));
  }
  const int at = directory_.get();
  const std::string fresh = fmt::format(".nxgate-{:08x}", std::random_device()());
  const sys::Descriptor file(
      ::openat(at, fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file || !write_all(file, text) ||
      ::renameat(at, fresh.c_str(), at, name_in(path_).c_str()) != 0) {
    auto failure = fail(fmt::format("{} could not be written: {}", path_, words()));
    if (file) (void)::unlinkat(at, fresh.c_str(), 0);
    return failure;
  }
  struct stat ours{};
  struct stat there{};
  if (::fstat(file.get(), &ours) == 0 && ::lstat(path_.c_str(), &there) == 0 &&
      ours.st_dev == there.st_dev && ours.st_ino == there.st_ino) {
    return {};
  }
  return fail(fmt::format("{} is not what nxgate wrote: its directory was moved", path_));
}

}  // namespace nxgate::app
