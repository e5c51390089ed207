// GET requests to a Docker engine.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "http/answer.h"
#include "http/connection.h"

namespace nxgate::docker {

/// One connection a request. Errors name the request and the socket and say what to do. Used by the
/// thread that runs `loop`; must outlive the coroutines it returns.
class Requests {
 public:
  Requests(boost::asio::io_context& loop, std::string socket);

  /// Ends within `limit`. A body goes to `sink` if the status is 200; of another answer's body the
  /// beginning is kept.
  [[nodiscard]] boost::asio::awaitable<Result<http::Answer>> get(std::string target,
                                                                 std::chrono::seconds limit,
                                                                 http::Sink sink);
  /// Calls `accepted` once the status is 200, then `sink` with each piece of the body as it
  /// arrives, until `sink` fails or the connection ends; says why.
  [[nodiscard]] boost::asio::awaitable<Error> follow(std::string target,
                                                     std::function<void()> accepted,
                                                     http::Sink sink);
  /// Ends all requests that wait, with an error.
  void close();

 private:
  [[nodiscard]] std::shared_ptr<http::Connection> open();
  boost::asio::awaitable<Result<void>> ask(http::Connection& connection, std::string target,
                                           std::chrono::seconds limit);
  boost::asio::awaitable<Result<void>> read(http::Connection& connection, std::string target,
                                            std::chrono::seconds limit, http::Sink sink);

  boost::asio::io_context& loop_;
  std::string socket_;
  std::vector<std::weak_ptr<http::Connection>> open_;
};

}  // namespace nxgate::docker
