#include "sys/file.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/descriptor.h"

namespace nxgate::sys {
namespace {

/// Not blocking, since opening a pipe would wait for its writer.
constexpr int kReading = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
constexpr std::size_t kLeastRoom = 4096;
constexpr std::size_t kPiece = 256UL << 10;
constexpr const char* kEndlessLine = "a line longer than 1 MiB; a list has one rule per line";

std::unexpected<Error> system_failure() { return fail(std::generic_category().message(errno)); }

std::string size_text(std::size_t size) {
  const bool whole = size % (1UL << 20) == 0;
  return fmt::format("{} {}", size >> (whole ? 20 : 10), whole ? "MiB" : "KiB");
}

/// Reads on into `text` behind what is `filled`, and says how much; 0 at the end.
Result<std::size_t> read_some(const Descriptor& file, std::string& text, std::size_t filled) {
  while (true) {
    const ssize_t count = ::read(file.get(), text.data() + filled, text.size() - filled);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) return system_failure();
  }
}

/// The size that the system tells, 0 for files below /proc.
Result<std::size_t> size_of(const Descriptor& file) {
  if (!file) return system_failure();
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return system_failure();
  if (!S_ISREG(status.st_mode)) return fail("not a regular file");
  return static_cast<std::size_t>(status.st_size);
}

}  // namespace

Result<std::string> read_all(const Descriptor& file, std::size_t largest) {
  const auto told = size_of(file);
  if (!told) return std::unexpected(told.error());
  if (*told > largest) return fail("larger than " + size_text(largest));
  // One byte more finds the end without another allocation.
  std::string text(std::max(std::min(*told, largest) + 1, kLeastRoom), '\0');
  std::size_t filled = 0;
  while (filled <= largest) {
    if (filled == text.size()) text.resize(2 * text.size());
    const auto count = read_some(file, text, filled);
    if (!count) return std::unexpected(count.error());
    if (*count == 0) break;
    filled += *count;
  }
  if (filled > largest) return fail("larger than " + size_text(largest));
  text.resize(filled);
  return text;
}

Result<std::string> read_file(const std::string& path, std::size_t largest) {
  return read_all(Descriptor(::open(path.c_str(), kReading)), largest);
}

Result<void> read_lines(const std::string& path, std::size_t largest,
                        const std::function<void(std::string_view)>& take) {
  const Descriptor file(::open(path.c_str(), kReading));
  const auto told = size_of(file);
  if (!told) return std::unexpected(told.error());
  if (*told > largest) return fail("larger than " + size_text(largest));
  std::string text(std::clamp(*told + 1, kLeastRoom, kPiece), '\0');
  std::size_t filled = 0;  // the line that is not yet whole
  std::size_t total = 0;
  while (true) {
    if (filled == text.size()) {
      if (filled >= kLongestListLine) return fail(kEndlessLine);
      text.resize(2 * text.size());
    }
    const auto count = read_some(file, text, filled);
    if (!count) return std::unexpected(count.error());
    total += *count;
    if (total > largest) return fail("larger than " + size_text(largest));
    filled += *count;
    const std::string_view read = std::string_view(text).substr(0, filled);
    const std::size_t whole = *count == 0 ? filled : read.rfind('\n') + 1;
    if (whole != 0) take(read.substr(0, whole));
    if (*count == 0) return {};
    std::ranges::copy(read.substr(whole), text.begin());
    filled -= whole;
  }
}

Result<std::string> read_file_within(const std::string& root, const std::string& path,
                                     std::size_t largest) {
  const Descriptor directory(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return system_failure();
  const open_how how{
      .flags = kReading, .mode = 0, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  const long file = ::syscall(SYS_openat2, directory.get(), path.c_str(), &how, sizeof how);
  return read_all(Descriptor(static_cast<int>(file)), largest);
}

std::filesystem::path nearest_directory(std::filesystem::path directory) {
  std::error_code error;
  while (directory.has_relative_path() && !std::filesystem::is_directory(directory, error)) {
    directory = directory.parent_path();
  }
  return directory.empty() ? "." : directory;
}

}  // namespace nxgate::sys
