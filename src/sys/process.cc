#include "sys/process.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>

#include <fmt/core.h>
#include <sys/types.h>

#include "sys/file.h"

namespace nxgate::sys {
namespace {

constexpr std::size_t kLargestStat = 4096;
constexpr int kStartTime = 22;  ///< among the words

}  // namespace

/// The second word is the name, which may hold anything.
std::optional<std::uint64_t> start_time(pid_t pid) {
  const std::string text = read_file(fmt::format("/proc/{}/stat", pid), kLargestStat).value_or("");
  std::size_t at = text.rfind(')');
  if (at == std::string::npos) return std::nullopt;
  for (int word = 2; word < kStartTime && at != std::string::npos; ++word) {
    at = text.find(' ', at + 1);
  }
  if (at == std::string::npos) return std::nullopt;
  std::uint64_t ticks = 0;
  const char* const begin = text.data() + at + 1;
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), ticks);
  return error == std::errc{} ? std::optional(ticks) : std::nullopt;
}

}  // namespace nxgate::sys
