#include "app/sandbox_output.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "sys/descriptor.h"

namespace nxgate::app {
namespace {

namespace fs = std::filesystem;

std::string words() { return std::generic_category().message(errno); }

bool write_all(const sys::Descriptor& file, const std::string& text) {
  return ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

}  // namespace

Result<SandboxOutput> SandboxOutput::at(const std::string& path) {
  SandboxOutput output;
  if (path.empty()) return output;
  std::error_code error;
  const fs::file_status there = fs::status(path, error);
  if (fs::exists(there) && !fs::is_regular_file(there)) {
    output.place_ = sys::Descriptor(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
  } else {
    const fs::path file(path);
    const fs::path directory = file.has_parent_path() ? file.parent_path() : fs::path(".");
    output.place_ = sys::Descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    output.name_ = file.filename();
    if (::faccessat(output.place_.get(), ".", W_OK, AT_EACCESS) != 0) {
      output.place_ = sys::Descriptor();
    }
  }
  if (!output.place_) return fail(fmt::format("{}: {}", path, words()));
  return output;
}

void SandboxOutput::write(const std::string& text) const {
  if (!place_) return;
  bool done = false;
  if (name_.empty()) {
    done = write_all(place_, text);
  } else {
    const std::string fresh = fmt::format(".{}.{}", name_, ::getpid());
    (void)::unlinkat(place_.get(), fresh.c_str(), 0);
    const sys::Descriptor file(::openat(
        place_.get(), fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
    done = file && write_all(file, text) &&
           ::renameat(place_.get(), fresh.c_str(), place_.get(), name_.c_str()) == 0;
  }
  if (!done) log::error("{} could not be written: {}", name_.empty() ? "a report" : name_, words());
}

}  // namespace nxgate::app
