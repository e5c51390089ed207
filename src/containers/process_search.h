// Which processes belong to which container.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/clock.h"

namespace nxgate::containers {

/// The container that a process of some network namespace belongs to.
struct ContainerProcess {
  pid_t pid = 0;
  /// Id of 64 hexadecimal digits. Empty: none, as for a BuildKit build step.
  std::string container;
};

/// Looks through /proc for processes of containers. If there are so many that it takes longer than
/// kLongestLook of CPU time, the next look continues where the last one ended. One thread.
class ProcessSearch {
 public:
  static constexpr Milliseconds kLongestLook{10};

  /// Processes in these namespaces (sys::NetnsRef::identity) whose cgroup path holds a container
  /// id or is that of a build step, also while they are still the runtime's own `runc init`; once
  /// all of /proc was seen also those that are shut off from our processes (a pid namespace of
  /// their own), as all that a runtime starts. By namespace, the first that is seen: /proc lists
  /// them by pid. Mostly takes about 2 ms.
  [[nodiscard]] std::map<std::uint64_t, ContainerProcess> look(
      const std::set<std::uint64_t>& namespaces, Milliseconds longest = kLongestLook);

  /// Whether the last look reached the end of /proc: the next one begins a new round.
  [[nodiscard]] bool is_round_over() const {
    return next_ == std::filesystem::directory_iterator();
  }

 private:
  std::filesystem::directory_iterator next_;            ///< in /proc; at the end between two rounds
  std::map<std::uint64_t, ContainerProcess> shut_off_;  ///< of this round, and of no container
};

/// By container id, a process of it: the lowest pid. Takes as long, and ends after 50 ms of the
/// processor.
[[nodiscard]] std::map<std::string, pid_t> find_processes(const std::set<std::string>& containers);

/// Whether the container still has a living process, also if the engine says that it has ended: it
/// watches a container's first thread. For where its cgroup can't be seen (cgroup.h). Said also if
/// the search takes more than 50 ms of CPU time.
[[nodiscard]] bool is_alive(const std::string& container);

/// A process of a container that isn't among these, though it is in the namespace of one of them.
struct Stranger {
  ContainerProcess process;
  std::uint64_t netns = 0;
};

/// Such processes in `namespaces` (sys::NetnsRef::identity), one of each container. Those of
/// containers within `containers` are none. Nothing if it takes more than two seconds of CPU time.
[[nodiscard]] std::optional<std::vector<Stranger>> find_strangers(
    const std::set<std::uint64_t>& namespaces, const std::set<std::string>& containers);

/// Whether a BuildKit build step runs in this namespace (`--network host`), as far as is found in
/// that time.
[[nodiscard]] bool has_build_step(std::uint64_t netns);

}  // namespace nxgate::containers
