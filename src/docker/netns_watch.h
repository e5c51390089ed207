// Detecting a container's network namespace before its first process runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <sys/types.h>

#include "base/clock.h"
#include "base/error.h"
#include "docker/container.h"
#include "sys/descriptor.h"
#include "sys/netns.h"

namespace nxgate::docker {

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

/// Those of these containers that still have a living process, also if the engine says that they
/// have ended: it watches a container's first thread. All of them if the search takes more than 50
/// ms of CPU time.
[[nodiscard]] std::set<std::string> still_alive(const std::set<std::string>& containers);

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

/// The process behind the engine's socket: the engine, or systemd where that listens for it; 0 if
/// it can't be seen from here.
[[nodiscard]] pid_t engine_process(const std::string& socket);

/// The directory in which the engine mounts the namespaces of its containers, as seen from here:
/// `--exec-root` of the process behind the socket, if that is a dockerd, in front of `/netns`,
/// below /proc/PID/root when dockerd has a mount namespace of its own; /var/run/docker/netns else.
[[nodiscard]] std::string netns_directory(const std::string& socket);

/// The namespaces in that directory, of containers and build steps: not the engine's own, nor
/// Swarm's.
[[nodiscard]] std::vector<sys::NetnsRef> namespaces_in(const std::string& directory);

/// Where the engine put a container that shares nobody's namespace, whatever its processes did
/// since: its file in that directory, or if there is none the namespace of its first process.
[[nodiscard]] sys::NetnsRef netns_of(const Container& container, const std::string& directory);

/// Watches that directory, also when it doesn't exist yet or is made anew. `appeared` is called
/// with the path of each namespace as soon as it is one (the file comes first, the mount a moment
/// later). One thread.
class NetnsWatch {
 public:
  /// `inotify` is used if there is one, else `start` opens it. Linux counts them per user, so one
  /// that was opened before root is dropped doesn't count for the later user.
  NetnsWatch(boost::asio::io_context& loop, std::string directory,
             std::function<void(const std::string& path)> appeared, sys::Descriptor inotify = {});
  ~NetnsWatch();
  NetnsWatch(const NetnsWatch&) = delete;
  NetnsWatch& operator=(const NetnsWatch&) = delete;

  [[nodiscard]] static sys::Descriptor open_inotify() noexcept;

  /// After an error it can be tried again.
  [[nodiscard]] Result<void> start();

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace nxgate::docker
