#include "netfilter/owner.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/core.h>
#include <unistd.h>

#include "base/bytes.h"
#include "sys/file.h"

namespace nxgate::netfilter {
namespace {

constexpr std::size_t kLargestStat = 4096;

/// The time a process was started, the 22nd word of its stat; the second may hold spaces.
std::optional<std::uint64_t> start_time(pid_t pid) {
  const std::string text =
      sys::read_file(fmt::format("/proc/{}/stat", pid), kLargestStat).value_or("");
  std::size_t at = text.rfind(')');
  if (at == std::string::npos) return std::nullopt;
  for (int word = 2; word < 22 && at != std::string::npos; ++word) at = text.find(' ', at + 1);
  if (at == std::string::npos) return std::nullopt;
  std::uint64_t ticks = 0;
  const char* const begin = text.data() + at + 1;
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), ticks);
  return error == std::errc{} ? std::optional(ticks) : std::nullopt;
}

}  // namespace

Owner Owner::ourselves() { return {::getpid(), start_time(::getpid()).value_or(0)}; }

bool Owner::alive() const { return pid > 0 && start_time(pid) == started; }

std::string to_record(const Owner& owner) { return fmt::format("{} {}", owner.pid, owner.started); }

Owner parse_record(Bytes record) {
  const std::string_view text(reinterpret_cast<const char*>(record.data()), record.size());
  Owner owner;
  const char* const end = text.data() + text.size();
  const auto [after_pid, error] = std::from_chars(text.data(), end, owner.pid);
  if (error != std::errc{} || after_pid == end) return {};
  (void)std::from_chars(after_pid + 1, end, owner.started);
  return owner;
}

}  // namespace nxgate::netfilter
