// Asking a Docker engine over its unix socket.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "docker/container.h"

namespace nxgate::docker {

/// The path of the engine's socket: `configured` (a path or `unix://PATH`) if it isn't empty, else
/// DOCKER_HOST from the environment, else /var/run/docker.sock. Other kinds of addresses (tcp://,
/// ssh://) are refused with words that say what to do: namespaces can be entered on this machine
/// only.
[[nodiscard]] Result<std::string> engine_socket(std::string_view configured);

struct EngineVersion {
  std::string engine;  ///< `20.10.24`
  std::string api;     ///< the one used: the engine's, but no newer than we know
};

/// One connection a request. Errors say what to do: no such socket (is Docker running? another
/// DOCKER_HOST?), permission denied (group docker, root), no such container. Used by the thread
/// that runs `loop`, which must outlive it. Every request but `events` ends within `kTimeout`. A
/// copy is a client of its own; either outlives its requests.
class Client {
 public:
  static constexpr Milliseconds kTimeout{10'000};

  Client(boost::asio::io_context& loop, std::string socket);

  /// Asks which API both sides know; the other requests do it themselves when it wasn't done.
  [[nodiscard]] boost::asio::awaitable<Result<EngineVersion>> version();
  /// Running containers, or all that exist. Doesn't wait for a container that is just starting.
  [[nodiscard]] boost::asio::awaitable<Result<std::vector<Container>>> list(bool all);
  /// By id, name or the beginning of an id. Waits while the container is just starting.
  [[nodiscard]] boost::asio::awaitable<Result<Container>> inspect(std::string container);
  /// Calls `subscribed` once the engine has accepted the subscription to container and network
  /// events, then `seen` for each, until the connection ends; the result is why.
  [[nodiscard]] boost::asio::awaitable<Error> events(std::function<void()> subscribed,
                                                     std::function<void(const Event&)> seen);

 private:
  [[nodiscard]] boost::asio::awaitable<Result<std::string>> get(std::string target);
  /// The same below the agreed version of the API.
  [[nodiscard]] boost::asio::awaitable<Result<std::string>> get_versioned(std::string target);

  boost::asio::io_context* loop_;
  std::string socket_;
  std::string api_;  ///< empty until it was agreed upon
};

}  // namespace nxgate::docker
