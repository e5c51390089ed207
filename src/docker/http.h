// HTTP over a unix socket: as much as the Docker engine's interface needs.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "base/error.h"

namespace nxgate::docker {

struct HttpAnswer {
  unsigned status = 0;
  std::string body;
};

/// One connection a request. Errors name the socket and say what to do. Used by the thread that
/// runs `loop`; must outlive the coroutines it returns.
class Http {
 public:
  Http(boost::asio::io_context& loop, std::string socket);

  /// Ends within Client's kTimeout; fails when the body is longer than 64 MiB.
  [[nodiscard]] boost::asio::awaitable<Result<HttpAnswer>> get(std::string target);
  /// Calls `accepted` once the status is 200, then `line` with each line that isn't empty, without
  /// its end, as soon as it is complete, until `line` fails or the connection ends; says why.
  [[nodiscard]] boost::asio::awaitable<Error> follow(
      std::string target, std::function<void()> accepted,
      std::function<Result<void>(std::string_view)> line);
  /// Ends all requests that wait, with an error.
  void close();

 private:
  class Connection;

  boost::asio::io_context& loop_;
  std::string socket_;
  std::set<Connection*> open_;
};

/// For a path or query: everything but letters, digits and `-._~` as `%XX`.
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace nxgate::docker
