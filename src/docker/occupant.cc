#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

#include <sys/types.h>

#include "base/clock.h"
#include "docker/netns_watch.h"
#include "docker/process.h"
#include "sys/file.h"
#include "sys/netns.h"

namespace nxgate::docker {
namespace {

constexpr std::size_t kIdLength = 64;
constexpr std::size_t kLargestProcessFile = 1UL << 20;

/// The process that an entry of /proc stands for; 0 for none.
pid_t pid_of(const std::filesystem::directory_entry& entry) {
  const std::string name = entry.path().filename();
  pid_t pid = 0;
  const auto [rest, wrong] = std::from_chars(name.data(), name.data() + name.size(), pid);
  return wrong == std::errc() && rest == name.data() + name.size() ? pid : 0;
}

bool is_hexadecimal(char letter) {
  return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f');
}

}  // namespace

std::string process_file(pid_t pid, std::string_view name) {
  const std::string path = "/proc/" + std::to_string(pid) + "/" + std::string(name);
  return sys::read_file(path, kLargestProcessFile).value_or("");
}

std::optional<std::string> container_of_cgroup(std::string_view cgroup) {
  auto end = cgroup.rbegin();
  while (end != cgroup.rend()) {
    const auto from = std::find_if(end, cgroup.rend(), is_hexadecimal);
    const auto to = std::find_if_not(from, cgroup.rend(), is_hexadecimal);
    if (static_cast<std::size_t>(to - from) == kIdLength)
      return std::string(to.base(), from.base());
    end = to;
  }
  return std::nullopt;
}

std::map<std::uint64_t, Occupant> OccupantSearch::look(const std::set<std::uint64_t>& namespaces,
                                                       Instant::duration longest) {
  std::map<std::uint64_t, Occupant> found;
  const Instant end = Clock::now() + longest;
  std::error_code error;
  const std::filesystem::directory_iterator none;
  if (next_ == none) next_ = std::filesystem::directory_iterator("/proc", error);
  for (; !error && next_ != none && Clock::now() < end; next_.increment(error)) {
    const pid_t pid = pid_of(*next_);
    if (pid == 0) continue;
    const auto identity = sys::NetnsRef::of_pid(pid).identity();
    if (!identity || !namespaces.contains(*identity) || found.contains(*identity)) continue;
    const std::optional<std::string> container = container_of_cgroup(process_file(pid, "cgroup"));
    if (container) found.emplace(*identity, Occupant{.pid = pid, .container = *container});
  }
  if (error) next_ = none;
  return found;
}

}  // namespace nxgate::docker
