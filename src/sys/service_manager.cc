#include "sys/service_manager.h"

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/escape.h"
#include "base/log.h"
#include "sys/descriptor.h"
#include "sys/environment.h"

namespace nxgate::sys {
namespace {

/// Only a manager that hangs lets its queue fill up; one that never hears `READY=1` would end us.
constexpr Milliseconds kTellTime{100};

std::optional<std::chrono::microseconds> watchdog_of(const ServiceEnvironment& asked) {
  if (asked.watchdog_usec.empty()) return std::nullopt;
  if (!asked.watchdog_pid.empty() && to_number<pid_t>(asked.watchdog_pid) != ::getpid()) {
    return std::nullopt;
  }
  const auto microseconds = to_number<std::int64_t>(asked.watchdog_usec);
  if (!microseconds || *microseconds <= 0) {
    log::warning(
        "WATCHDOG_USEC is '{}', which is not a number of microseconds: the watchdog is not "
        "notified",
        asked.watchdog_usec);
    return std::nullopt;
  }
  return std::chrono::microseconds(*microseconds);
}

Result<Descriptor> connected_to(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const bool abstract = name.starts_with('@');
  if (!abstract && !name.starts_with('/')) return fail("neither a path nor an abstract name");
  if (name.size() >= sizeof address.sun_path) return fail("the name is too long");
  std::memcpy(address.sun_path, name.data(), name.size());
  if (abstract) address.sun_path[0] = '\0';
  const std::size_t length =
      offsetof(sockaddr_un, sun_path) + name.size() + (abstract ? 0 : sizeof '\0');
  Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address),
                           static_cast<socklen_t>(length)) != 0) {
    return fail(std::generic_category().message(errno));
  }
  return socket;
}

}  // namespace

ServiceEnvironment ServiceEnvironment::take() {
  return {.socket = take_variable("NOTIFY_SOCKET"),
          .watchdog_usec = take_variable("WATCHDOG_USEC"),
          .watchdog_pid = take_variable("WATCHDOG_PID")};
}

ServiceManager::ServiceManager(const ServiceEnvironment& asked) {
  if (asked.socket.empty()) return;
  auto connected = connected_to(asked.socket);
  if (!connected) {
    log::warning("cannot notify the service manager: NOTIFY_SOCKET {}: {}", asked.socket,
                 connected.error().message);
    return;
  }
  socket_ = *std::move(connected);
  watchdog_ = watchdog_of(asked);
}

void ServiceManager::ready(std::string_view status) {
  ready_ = true;
  tell(fmt::format("READY=1\nSTATUS={}", escaped(status)), kTellTime);
}

/// MONOTONIC_USEC is what Type=notify-reload tells this reload from an earlier one by.
void ServiceManager::reloading() {
  if (!ready_) return;
  const auto now =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch());
  tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reloading", now.count()), kTellTime);
}

void ServiceManager::reloaded(std::string_view status) {
  if (ready_) ready(status);
}

void ServiceManager::stopping() { tell("STOPPING=1\nSTATUS=stopping", kTellTime); }

void ServiceManager::alive() { tell("WATCHDOG=1", Milliseconds(0)); }

void ServiceManager::tell(std::string_view message, Milliseconds patience) {
  if (!socket_) return;
  pollfd room{.fd = socket_.get(), .events = POLLOUT, .revents = 0};
  if (patience > Milliseconds(0)) (void)::poll(&room, 1, static_cast<int>(patience.count()));
  if (::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL) >= 0) return;
  log::repeated("service manager", fmt::format("cannot notify the service manager: {}",
                                               std::generic_category().message(errno)));
}

}  // namespace nxgate::sys
