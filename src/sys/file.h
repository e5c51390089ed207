// Reading files that may be hostile.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "sys/descriptor.h"

namespace nxgate::sys {

/// The whole text of a regular file, or of one below /proc. Never waits, as for the writer of a
/// pipe, and reads no more than `largest` bytes. The error says why not, without the path.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t largest);

/// The same of a file that is open. Only a regular one is read.
[[nodiscard]] Result<std::string> read_all(const Descriptor& file, std::size_t largest);

/// Gives the text of such a file in pieces of whole lines, a quarter of a megabyte each, so that a
/// long one needs little memory. A line longer than kLongestListLine is an error.
inline constexpr std::size_t kLongestListLine = 1UL << 20;
[[nodiscard]] Result<void> read_lines(const std::string& path, std::size_t largest,
                                      const std::function<void(std::string_view)>& take);

/// As read_file, for `path` as a process sees it whose root directory is `root` (`/proc/PID/root`):
/// no link of any kind can leave it (openat2(2), RESOLVE_IN_ROOT, Linux 5.6).
[[nodiscard]] Result<std::string> read_file_within(const std::string& root, const std::string& path,
                                                   std::size_t largest);

/// The directory, or the nearest one above it that exists.
[[nodiscard]] std::filesystem::path nearest_directory(std::filesystem::path directory);

}  // namespace nxgate::sys
