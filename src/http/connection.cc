#include "http/connection.h"

#include <cerrno>
#include <expected>
#include <string>
#include <tuple>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/none.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/no_throw.h"
#include "http/head.h"

namespace nxgate::http {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr unsigned kHttpVersion = 11;

Error connect_error(const UnixServer& server, const error_code& error) {
  switch (error.value()) {
    case ENOENT:
      return {server.absent};
    case ECONNREFUSED:
      return {server.not_listening};
    case EACCES:
    case EPERM:
      return {server.forbidden};
    default:
      return {fmt::format("cannot connect to {}: {}", server.name, error.message())};
  }
}

}  // namespace

Connection::Connection(asio::io_context& loop, UnixServer server)
    : server_(std::move(server)), stream_(loop.get_executor()) {
  parser_.body_limit(boost::none);
}

asio::awaitable<Result<void>> Connection::connect() {
  if (server_.path.size() >= sizeof(sockaddr_un::sun_path)) co_return fail(server_.too_long);
  error_code error = asio::error::operation_aborted;
  if (!closed_) {
    const Local::endpoint endpoint(server_.path);
    std::tie(error) = co_await stream_.async_connect(endpoint, kNoThrow);
  }
  if (error) co_return std::unexpected(connect_error(server_, error));
  co_return Result<void>();
}

asio::awaitable<error_code> Connection::ask(std::string method, std::string target,
                                            std::string body) {
  RequestHead request;
  request.method_string(method);
  request.target(target);
  request.version(kHttpVersion);
  request.set(beast_http::field::host, server_.host);
  request.set(beast_http::field::user_agent, "nxgate");
  if (!body.empty()) request.set(beast_http::field::content_type, "application/json");
  if (!body.empty() || method == "POST") request.content_length(body.size());
  const std::string text = text_of(request) + body;
  const auto [unsent, sent] = co_await asio::async_write(stream_, asio::buffer(text), kNoThrow);
  if (unsent) co_return reported(unsent);
  while (!parser_.is_header_done()) {
    const auto [unread, size] =
        co_await beast_http::async_read_some(stream_, buffer_, parser_, kNoThrow);
    if (unread) co_return reported(unread);
  }
  co_return error_code();
}

asio::awaitable<std::expected<std::string, error_code>> Connection::read_some() {
  std::string& body = parser_.get().body();
  while (body.empty() && !parser_.is_done()) {
    const auto [error, size] =
        co_await beast_http::async_read_some(stream_, buffer_, parser_, kNoThrow);
    if (error) co_return std::unexpected(reported(error));
  }
  co_return std::exchange(body, {});
}

void Connection::close() {
  closed_ = true;
  stream_.close();
}

/// What begins on a closed socket fails with another error than what waits on it.
error_code Connection::reported(const error_code& error) const {
  return error && closed_ ? asio::error::operation_aborted : error;
}

}  // namespace nxgate::http
