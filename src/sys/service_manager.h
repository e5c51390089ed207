// Telling the service manager how we are: sd_notify(3), without its library.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "sys/descriptor.h"

namespace nxgate::sys {

/// What the service manager has asked for in the environment.
struct ServiceEnvironment {
  std::string socket;         ///< NOTIFY_SOCKET: a path, or `@` and an abstract name
  std::string watchdog_usec;  ///< WATCHDOG_USEC
  std::string watchdog_pid;   ///< WATCHDOG_PID; empty means us

  /// Reads the three variables, and removes them, for they are not meant for children. Call before
  /// the first thread is started.
  [[nodiscard]] static ServiceEnvironment take();
};

/// The way to the service manager, or to nobody. One datagram a message. Nothing here fails; a busy
/// manager is waited for 100 ms at most, then it misses the message. One thread.
class ServiceManager {
 public:
  /// Nobody is told anything.
  ServiceManager() = default;
  /// Connects at once: once root and namespaces are given up the socket may be out of reach. One
  /// that can't be reached is logged.
  explicit ServiceManager(const ServiceEnvironment& asked);

  /// Serving. The status is shown by `systemctl status`, on one line.
  void ready(std::string_view status);
  /// A reload begins; `reloaded` follows, whatever comes of it. Both say nothing before `ready`,
  /// which they would be taken for.
  void reloading();
  void reloaded(std::string_view status);
  void stopping();
  /// All is well: restarts the watchdog. Waits for nothing.
  void alive();

  /// Within what time of the last `alive` the manager wants the next, or it kills us.
  [[nodiscard]] std::optional<std::chrono::microseconds> watchdog() const noexcept {
    return watchdog_;
  }

 private:
  void tell(std::string_view message, Milliseconds patience);

  Descriptor socket_;
  std::optional<std::chrono::microseconds> watchdog_;
  bool ready_ = false;
};

}  // namespace nxgate::sys
