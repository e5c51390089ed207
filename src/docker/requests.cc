#include "docker/requests.h"

#include <chrono>
#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>

#include "base/error.h"
#include "docker/client.h"
#include "http/answer.h"
#include "http/connection.h"

namespace nxgate::docker {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

namespace {

constexpr unsigned kOk = 200;
/// Of an answer that says what is wrong.
constexpr std::size_t kLongestReason = 4'096;

http::UnixServer engine_at(const std::string& socket) {
  return {
      .path = socket,
      .host = "docker",
      .name = fmt::format("the Docker engine at {}", socket),
      .too_long = fmt::format("the path of the Docker engine's socket is too long: {}", socket),
      .absent = fmt::format("there is no Docker engine at {}: start Docker, or set the path of its "
                            "socket (DOCKER_HOST=unix://PATH)",
                            socket),
      .not_listening = fmt::format(
          "no Docker engine is listening on {}: start Docker (`systemctl start docker`)", socket),
      .forbidden = fmt::format("no permission to use the Docker engine at {}: run as root or as a "
                               "member of the group docker",
                               socket)};
}

/// `GET /v1.41/containers/json` without the version, as the engine's own documentation names it.
std::string request_name(std::string_view target) {
  const std::size_t second = target.find('/', 1);
  const bool versioned = target.starts_with("/v1.") && second != std::string_view::npos;
  const std::string_view path = versioned ? target.substr(second) : target;
  return fmt::format("GET {}", path.substr(0, path.find('?')));
}

Error within(std::string_view target, const Error& error) {
  return {fmt::format("{}: {}", request_name(target), error.message)};
}

Error broken(const std::string& socket, std::string_view target, std::chrono::seconds limit,
             const error_code& error) {
  std::string text =
      fmt::format("the connection to the Docker engine at {} failed: {}", socket, error.message());
  if (error == beast::error::timeout) {
    text = fmt::format(
        "the Docker engine at {} did not reply within {} s; check it with `docker info`", socket,
        limit.count());
  } else if (error == beast::http::error::end_of_stream ||
             error == beast::http::error::partial_message) {
    text = fmt::format("the Docker engine at {} closed the connection", socket);
  } else if (error == asio::error::operation_aborted) {
    text = "cancelled, because nxgate is stopping";
  }
  return within(target, {text});
}

}  // namespace

Requests::Requests(asio::io_context& loop, std::string socket)
    : loop_(loop), socket_(std::move(socket)) {}

std::shared_ptr<http::Connection> Requests::open() {
  auto connection = std::make_shared<http::Connection>(loop_, engine_at(socket_));
  std::erase_if(open_, [](const auto& each) { return each.expired(); });
  open_.push_back(connection);
  return connection;
}

asio::awaitable<Result<void>> Requests::ask(http::Connection& connection, std::string target,
                                            std::chrono::seconds limit) {
  connection.expires_after(limit);
  Result<void> connected = co_await connection.connect();
  if (!connected) co_return connected;
  const error_code unanswered = co_await connection.ask("GET", target);
  if (unanswered) co_return std::unexpected(broken(socket_, target, limit, unanswered));
  co_return Result<void>();
}

asio::awaitable<Result<void>> Requests::read(http::Connection& connection, std::string target,
                                             std::chrono::seconds limit, http::Sink sink) {
  while (true) {
    const auto piece = co_await connection.read_some();
    if (!piece) co_return std::unexpected(broken(socket_, target, limit, piece.error()));
    if (piece->empty()) co_return Result<void>();
    const Result<void> taken = sink(*piece);
    if (!taken) co_return std::unexpected(within(target, taken.error()));
  }
}

asio::awaitable<Result<http::Answer>> Requests::get(std::string target, std::chrono::seconds limit,
                                                    http::Sink sink) {
  const auto connection = open();
  const Result<void> asked = co_await ask(*connection, target, limit);
  if (!asked) co_return std::unexpected(asked.error());
  http::Answer answer{.status = connection->status(), .body = {}};
  const http::Sink keep = [&answer](std::string_view piece) -> Result<void> {
    answer.body += piece.substr(0, kLongestReason - answer.body.size());
    return {};
  };
  const Result<void> whole = co_await read(*connection, target, limit, answer.good() ? sink : keep);
  if (!whole) co_return std::unexpected(whole.error());
  co_return answer;
}

asio::awaitable<Error> Requests::follow(std::string target, std::function<void()> accepted,
                                        http::Sink sink) {
  constexpr std::chrono::seconds kLimit = Client::kTimeout;
  const auto connection = open();
  const Result<void> asked = co_await ask(*connection, target, kLimit);
  if (!asked) co_return asked.error();
  if (const unsigned status = connection->status(); status != kOk) {
    co_return within(
        target, {fmt::format("the Docker engine at {} refused: HTTP status {}", socket_, status)});
  }
  connection->expires_never();
  accepted();
  const Result<void> whole = co_await read(*connection, target, kLimit, std::move(sink));
  if (!whole) co_return whole.error();
  co_return within(target,
                   {fmt::format("the Docker engine at {} closed the event stream", socket_)});
}

void Requests::close() {
  for (const auto& each : open_) {
    if (const auto connection = each.lock()) connection->close();
  }
}

}  // namespace nxgate::docker
