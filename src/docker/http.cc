#include "docker/http.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/none.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>
#include <sys/un.h>

#include "base/error.h"
#include "docker/client.h"

namespace nxgate::docker {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

using Local = asio::local::stream_protocol;
using Stream = beast::basic_stream<Local, asio::io_context::executor_type>;
using Parser = http::response_parser<http::string_body>;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kLargestBody = 1U << 20U;
/// Of an answer that says what is wrong.
constexpr std::size_t kLongestReason = 4'096;
constexpr unsigned kHttpVersion = 11;
constexpr unsigned kOk = 200;

Error connect_error(const std::string& socket, const boost::system::error_code& error) {
  switch (error.value()) {
    case ENOENT:
      return {
          fmt::format("there is no Docker engine at {}: start Docker, or set the path of its "
                      "socket (DOCKER_HOST=unix://PATH)",
                      socket)};
    case ECONNREFUSED:
      return {fmt::format(
          "no Docker engine is listening on {}: start Docker (`systemctl start docker`)", socket)};
    case EACCES:
    case EPERM:
      return {
          fmt::format("no permission to use the Docker engine at {}: run as root or as a member of "
                      "the group docker",
                      socket)};
    default:
      return {
          fmt::format("cannot connect to the Docker engine at {}: {}", socket, error.message())};
  }
}

/// `GET /v1.41/containers/json` without the version, as the engine's own documentation names it.
std::string request_name(std::string_view target) {
  const std::size_t second = target.find('/', 1);
  const bool versioned = target.starts_with("/v1.") && second != std::string_view::npos;
  const std::string_view path = versioned ? target.substr(second) : target;
  return fmt::format("GET {}", path.substr(0, path.find('?')));
}

Error broken(const std::string& socket, std::string_view target, std::chrono::seconds limit,
             const boost::system::error_code& error) {
  const std::string request = request_name(target);
  if (error == beast::error::timeout) {
    return {fmt::format(
        "{}: the Docker engine at {} did not reply within {} s; check it with `docker info`",
        request, socket, limit.count())};
  }
  if (error == http::error::end_of_stream || error == http::error::partial_message) {
    return {fmt::format("{}: the Docker engine at {} closed the connection", request, socket)};
  }
  if (error == asio::error::operation_aborted) {
    return {fmt::format("{}: cancelled, because nxgate is stopping", request)};
  }
  return {fmt::format("{}: the connection to the Docker engine at {} failed: {}", request, socket,
                      error.message())};
}

Error within(std::string_view target, const Error& error) {
  return {fmt::format("{}: {}", request_name(target), error.message)};
}

}  // namespace

/// One connection, known to its Http for as long as it lives.
class Http::Connection {
 public:
  Connection(Http& owner, std::string target, std::chrono::seconds limit)
      : owner_(owner),
        target_(std::move(target)),
        limit_(limit),
        stream_(owner.loop_.get_executor()) {
    owner_.open_.insert(this);
    parser_.body_limit(boost::none);
  }
  ~Connection() { owner_.open_.erase(this); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void close() { stream_.close(); }
  /// Sends the request and reads the answer's head.
  asio::awaitable<Result<void>> ask();
  /// Reads what has come of the body; empty at its end.
  asio::awaitable<Result<std::string>> read_some();

  void without_limit() { stream_.expires_never(); }
  [[nodiscard]] unsigned status() const { return parser_.get().result_int(); }
  [[nodiscard]] const std::string& target() const { return target_; }

 private:
  [[nodiscard]] std::unexpected<Error> failed(const boost::system::error_code& error) const {
    return std::unexpected(broken(owner_.socket_, target_, limit_, error));
  }

  Http& owner_;
  std::string target_;
  std::chrono::seconds limit_;
  Stream stream_;
  beast::flat_buffer buffer_;
  Parser parser_;
};

asio::awaitable<Result<void>> Http::Connection::ask() {
  const std::string& socket = owner_.socket_;
  if (socket.size() >= sizeof(sockaddr_un::sun_path)) {
    co_return fail(fmt::format("the path of the Docker engine's socket is too long: {}", socket));
  }
  stream_.expires_after(limit_);
  const Local::endpoint endpoint(socket);
  const auto [refused] = co_await stream_.async_connect(endpoint, kNoThrow);
  if (refused) co_return std::unexpected(connect_error(socket, refused));
  http::request<http::empty_body> request(http::verb::get, target_, kHttpVersion);
  request.set(http::field::host, "docker");
  request.set(http::field::user_agent, "nxgate");
  const auto [unsent, sent] = co_await http::async_write(stream_, request, kNoThrow);
  if (unsent) co_return failed(unsent);
  const auto [unread, size] = co_await http::async_read_header(stream_, buffer_, parser_, kNoThrow);
  if (unread) co_return failed(unread);
  co_return Result<void>();
}

asio::awaitable<Result<std::string>> Http::Connection::read_some() {
  std::string& body = parser_.get().body();
  while (body.empty() && !parser_.is_done()) {
    const auto [error, size] = co_await http::async_read_some(stream_, buffer_, parser_, kNoThrow);
    if (error) co_return failed(error);
  }
  co_return std::exchange(body, {});
}

Http::Http(asio::io_context& loop, std::string socket) : loop_(loop), socket_(std::move(socket)) {}

asio::awaitable<Result<HttpAnswer>> Http::get(std::string target, std::chrono::seconds limit) {
  std::string body;
  const Sink keep = [&body](std::string_view piece) -> Result<void> {
    if (body.size() + piece.size() > kLargestBody) return fail("the reply is too long");
    body += piece;
    return {};
  };
  Result<HttpAnswer> answer = co_await get(std::move(target), limit, keep);
  if (answer && answer->status == kOk) answer->body = std::move(body);
  co_return answer;
}

asio::awaitable<Result<HttpAnswer>> Http::get(std::string target, std::chrono::seconds limit,
                                              Sink sink) {
  Connection connection(*this, std::move(target), limit);
  if (const Result<void> asked = co_await connection.ask(); !asked) {
    co_return std::unexpected(asked.error());
  }
  HttpAnswer answer{.status = connection.status(), .body = {}};
  while (true) {
    const Result<std::string> piece = co_await connection.read_some();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return answer;
    if (answer.status != kOk) {
      answer.body.append(*piece, 0, kLongestReason - std::min(answer.body.size(), kLongestReason));
    } else if (const Result<void> taken = sink(*piece); !taken) {
      co_return std::unexpected(within(connection.target(), taken.error()));
    }
  }
}

asio::awaitable<Error> Http::follow(std::string target, std::function<void()> accepted, Sink sink) {
  Connection connection(*this, std::move(target), Client::kTimeout);
  if (const Result<void> asked = co_await connection.ask(); !asked) co_return asked.error();
  if (connection.status() != kOk) {
    co_return within(connection.target(),
                     {fmt::format("the Docker engine at {} refused: HTTP status {}", socket_,
                                  connection.status())});
  }
  connection.without_limit();
  accepted();
  while (true) {
    const Result<std::string> piece = co_await connection.read_some();
    if (!piece) co_return piece.error();
    if (piece->empty()) break;
    if (const Result<void> taken = sink(*piece); !taken) {
      co_return within(connection.target(), taken.error());
    }
  }
  co_return within(connection.target(),
                   {fmt::format("the Docker engine at {} closed the event stream", socket_)});
}

void Http::close() {
  for (Connection* connection : open_) connection->close();
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string encoded;
  for (const char letter : text) {
    if (kPlain.contains(letter)) {
      encoded += letter;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(letter));
    }
  }
  return encoded;
}

}  // namespace nxgate::docker
