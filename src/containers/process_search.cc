#include "containers/process_search.h"

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
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/clock.h"
#include "containers/process.h"
#include "sys/cpu_budget.h"
#include "sys/netns.h"

namespace nxgate::containers {
namespace {

/// Of those that begin anew each time.
constexpr Milliseconds kLongestScan{50};
/// Of the one at a start.
constexpr Milliseconds kLongestFirstScan{2'000};

/// The process that an entry of /proc stands for; 0 for none.
pid_t pid_of(const std::filesystem::directory_entry& entry) {
  const std::string name = entry.path().filename();
  pid_t pid = 0;
  const auto [rest, wrong] = std::from_chars(name.data(), name.data() + name.size(), pid);
  return wrong == std::errc() && rest == name.data() + name.size() ? pid : 0;
}

/// Whether `is_it` says so of one process; nothing if that takes too long.
template <class Predicate>
std::optional<bool> any_process(Predicate is_it, Milliseconds longest = kLongestScan) {
  sys::CpuBudget budget(longest);
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc", error), none;
       !error && entry != none && !budget.over(); entry.increment(error)) {
    const pid_t pid = pid_of(*entry);
    if (pid != 0 && is_it(pid)) return true;
  }
  if (budget.over()) return std::nullopt;
  return false;
}

/// Nobody who only looks into a namespace, from our own shell, is.
bool is_shut_off(pid_t pid) {
  std::error_code hidden;
  const auto theirs =
      std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/ns/pid", hidden);
  if (hidden) return false;
  const auto ours = std::filesystem::read_symlink("/proc/self/ns/pid", hidden);
  return !hidden && theirs != ours;
}

}  // namespace

std::map<std::uint64_t, ContainerProcess> ProcessSearch::look(
    const std::set<std::uint64_t>& namespaces, Milliseconds longest) {
  std::map<std::uint64_t, ContainerProcess> found;
  sys::CpuBudget budget(longest);
  std::error_code error;
  const std::filesystem::directory_iterator none;
  if (next_ == none) {
    next_ = std::filesystem::directory_iterator("/proc", error);
    shut_off_.clear();
  }
  for (; !error && next_ != none && !budget.over(); next_.increment(error)) {
    const pid_t pid = pid_of(*next_);
    if (pid == 0) continue;
    const auto identity = sys::NetnsRef::of_pid(pid).identity();
    if (!identity || !namespaces.contains(*identity) || found.contains(*identity)) continue;
    const std::string cgroup = cgroup_of_process(pid);
    const std::optional<std::string> container = container_of_cgroup(cgroup);
    if (container || cgroup.contains(kBuildCgroup)) {
      found.emplace(*identity, ContainerProcess{.pid = pid, .container = container.value_or("")});
    } else if (is_shut_off(pid)) {
      shut_off_.emplace(*identity, ContainerProcess{.pid = pid, .container = {}});
    }
  }
  if (error) next_ = none;
  if (next_ != none) return found;
  // They may have been looked for when the round began, and not any more.
  std::erase_if(shut_off_, [&](const auto& each) { return !namespaces.contains(each.first); });
  found.merge(shut_off_);
  return found;
}

std::map<std::string, pid_t> find_processes(const std::set<std::string>& containers) {
  std::map<std::string, pid_t> found;
  if (containers.empty()) return found;
  (void)any_process([&](pid_t pid) {
    const auto container = container_of_cgroup(cgroup_of_process(pid));
    if (container && containers.contains(*container)) found.emplace(*container, pid);
    return found.size() == containers.size();
  });
  return found;
}

bool is_alive(const std::string& container) {
  return any_process([&](pid_t pid) {
           // A zombie shows no namespace.
           return container_of_cgroup(cgroup_of_process(pid)) == container &&
                  sys::NetnsRef::of_pid(pid).identity().has_value();
         })
      .value_or(true);
}

std::optional<std::vector<Stranger>> find_strangers(const std::set<std::uint64_t>& namespaces,
                                                    const std::set<std::string>& containers) {
  std::map<std::string, Stranger> found;
  const auto look = [&](pid_t pid) {
    const std::string cgroup = cgroup_of_process(pid);
    const auto container = container_of_cgroup(cgroup);
    const auto within = [&](const std::string& id) { return !id.empty() && cgroup.contains(id); };
    if (!container || std::ranges::any_of(containers, within)) return false;
    const auto identity = sys::NetnsRef::of_pid(pid).identity();
    if (!identity || !namespaces.contains(*identity)) return false;
    found.emplace(*container, Stranger{{.pid = pid, .container = *container}, *identity});
    return false;
  };
  if (!any_process(look, kLongestFirstScan)) return std::nullopt;
  std::vector<Stranger> strangers;
  strangers.reserve(found.size());
  for (auto& [id, stranger] : found) strangers.push_back(std::move(stranger));
  return strangers;
}

bool has_build_step(std::uint64_t netns) {
  return any_process([netns](pid_t pid) {
           return sys::NetnsRef::of_pid(pid).identity() == netns &&
                  process_file(pid, "cgroup").contains(kBuildCgroup);
         })
      .value_or(false);
}

}  // namespace nxgate::containers
