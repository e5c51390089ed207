#include "sys/process.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/core.h>
#include <sys/types.h>

#include "sys/file.h"

namespace nxgate::sys {
namespace {

constexpr std::size_t kLargestStat = 4096;
// Among the words, counted from 1.
constexpr int kState = 3;
constexpr int kThreads = 20;
constexpr int kStartTime = 22;

/// What follows the name, which is the second word and may hold anything.
class Stat {
 public:
  explicit Stat(pid_t pid)
      : text_(read_file(fmt::format("/proc/{}/stat", pid), kLargestStat).value_or("")) {}

  /// Empty if there is none, as without the process. `number` is 3 at least.
  [[nodiscard]] std::string_view word(int number) const {
    std::size_t at = text_.rfind(')');
    for (int each = kState; at != std::string::npos; ++each) {
      at = text_.find(' ', at);
      if (at == std::string::npos) break;
      const std::size_t end = std::min(text_.find(' ', ++at), text_.size());
      if (each == number) return std::string_view(text_).substr(at, end - at);
    }
    return {};
  }
  [[nodiscard]] std::optional<std::uint64_t> number(int at) const {
    const std::string_view text = word(at);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} ? std::optional(value) : std::nullopt;
  }

 private:
  std::string text_;
};

}  // namespace

std::optional<std::uint64_t> start_time(pid_t pid) { return Stat(pid).number(kStartTime); }

bool has_lost_first_thread(pid_t pid) { return Stat(pid).word(kState) == "Z"; }

bool is_zombie(pid_t pid) {
  const Stat stat(pid);
  return stat.word(kState) == "Z" && stat.number(kThreads).value_or(0) <= 1;
}

}  // namespace nxgate::sys
