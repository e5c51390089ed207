#include "netfilter/owner.h"

#include <charconv>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/core.h>
#include <unistd.h>

#include "base/bytes.h"
#include "sys/process.h"

namespace nxgate::netfilter {

Owner Owner::ourselves() { return {::getpid(), sys::start_time(::getpid()).value_or(0)}; }

bool Owner::alive() const {
  return pid > 0 && sys::start_time(pid) == started && !sys::is_zombie(pid);
}

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
