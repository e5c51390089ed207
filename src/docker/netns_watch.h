// Noticing a container's network namespace before its first process runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include <boost/asio/io_context.hpp>
#include <sys/types.h>

#include "base/clock.h"
#include "base/error.h"

namespace nxgate::docker {

/// The container that a process of some network namespace belongs to.
struct Occupant {
  pid_t pid = 0;
  std::string container;  ///< id of 64 hexadecimal digits
};

/// Looks through /proc for processes of containers. Where there are so many that it takes longer
/// than kLongestLook, the next look goes on where the last one ended. One thread.
class OccupantSearch {
 public:
  static constexpr Milliseconds kLongestLook{10};

  /// Processes in these namespaces (sys::NetnsRef::identity) whose cgroup path holds a container
  /// id, also while they are still the runtime's own `runc init`. By namespace, the first that is
  /// seen: /proc lists them by pid. Mostly takes about 2 ms.
  [[nodiscard]] std::map<std::uint64_t, Occupant> look(const std::set<std::uint64_t>& namespaces,
                                                       Instant::duration longest = kLongestLook);

 private:
  std::filesystem::directory_iterator next_;  ///< in /proc; at the end between two rounds
};

/// The process behind the engine's socket: the engine, or systemd where that listens for it; 0 if
/// it can't be seen from here.
[[nodiscard]] pid_t engine_process(const std::string& socket);

/// The directory in which the engine mounts the namespaces of its containers, as seen from here:
/// `--exec-root` of the process behind the socket, if that is a dockerd, in front of `/netns`,
/// below /proc/PID/root when dockerd has a mount namespace of its own; /var/run/docker/netns else.
[[nodiscard]] std::string netns_directory(const std::string& socket);

/// Watches that directory, also when it doesn't exist yet or is made anew. `appeared` is called
/// with the path of each namespace as soon as it is one (the file comes first, the mount a moment
/// later). One thread.
class NetnsWatch {
 public:
  NetnsWatch(boost::asio::io_context& loop, std::string directory,
             std::function<void(const std::string& path)> appeared);
  ~NetnsWatch();
  NetnsWatch(const NetnsWatch&) = delete;
  NetnsWatch& operator=(const NetnsWatch&) = delete;

  [[nodiscard]] Result<void> start();

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace nxgate::docker
