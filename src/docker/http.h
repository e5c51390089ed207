// HTTP over a unix socket, as much as the Docker Engine API needs.
#pragma once

#include <chrono>
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
  std::string body;  ///< its beginning at most, unless the request had a `Sink`
};

/// Takes the next piece of a body; its error ends the request.
using Sink = std::function<Result<void>(std::string_view piece)>;

/// One connection a request. Errors name the request and the socket and say what to do. Used by the
/// thread that runs `loop`; must outlive the coroutines it returns.
class Http {
 public:
  Http(boost::asio::io_context& loop, std::string socket);

  /// Ends within `limit`. Fails when the body is longer than 1 MiB.
  [[nodiscard]] boost::asio::awaitable<Result<HttpAnswer>> get(std::string target,
                                                               std::chrono::seconds limit);
  /// The same with a body of any length, which goes to `sink` if the status is 200; of another
  /// answer's body the beginning is kept.
  [[nodiscard]] boost::asio::awaitable<Result<HttpAnswer>> get(std::string target,
                                                               std::chrono::seconds limit,
                                                               Sink sink);
  /// Calls `accepted` once the status is 200, then `sink` with each piece of the body as it
  /// arrives, until `sink` fails or the connection ends; says why.
  [[nodiscard]] boost::asio::awaitable<Error> follow(std::string target,
                                                     std::function<void()> accepted, Sink sink);
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
