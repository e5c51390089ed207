#include "docker/http.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
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
constexpr std::uint64_t kLargestBody = 64ULL << 20;
constexpr std::size_t kLongestLine = 1U << 20;
constexpr unsigned kHttpVersion = 11;
constexpr unsigned kOk = 200;

Error connect_error(const std::string& socket, const boost::system::error_code& error) {
  switch (error.value()) {
    case ENOENT:
      return {
          fmt::format("there is no Docker engine at {}: start Docker, or say where its socket "
                      "is (DOCKER_HOST=unix://PATH)",
                      socket)};
    case ECONNREFUSED:
      return {fmt::format("no Docker engine listens at {}: start Docker (`systemctl start docker`)",
                          socket)};
    case EACCES:
    case EPERM:
      return {
          fmt::format("no permission to talk to the Docker engine at {}: needs root, or a user "
                      "of the group docker",
                      socket)};
    default:
      return {
          fmt::format("cannot connect to the Docker engine at {}: {}", socket, error.message())};
  }
}

Error broken(const std::string& socket, const boost::system::error_code& error) {
  if (error == beast::error::timeout) {
    return {
        fmt::format("the Docker engine at {} doesn't answer within {} s; `docker info` shows "
                    "whether it does at all",
                    socket, Client::kTimeout.count())};
  }
  if (error == http::error::end_of_stream || error == http::error::partial_message) {
    return {fmt::format("the Docker engine at {} has closed the connection", socket)};
  }
  return {
      fmt::format("the connection to the Docker engine at {} broke: {}", socket, error.message())};
}

/// Cuts complete lines from the beginning of `text` and hands them over.
Result<void> take_lines(std::string& text,
                        const std::function<Result<void>(std::string_view)>& line) {
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    const std::string_view whole = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    if (whole.empty() || whole == "\r") continue;
    if (Result<void> taken = line(whole); !taken) return taken;
  }
  text.erase(0, begin);
  if (text.size() > kLongestLine) return fail("the Docker engine sends lines without an end");
  return {};
}

}  // namespace

/// One connection, known to its Http for as long as it lives.
class Http::Connection {
 public:
  explicit Connection(Http& owner) : owner_(owner), stream_(owner.loop_.get_executor()) {
    owner_.open_.insert(this);
    parser_.body_limit(kLargestBody);
  }
  ~Connection() { owner_.open_.erase(this); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void close() { stream_.close(); }
  /// Sends the request and reads the answer's head.
  asio::awaitable<Result<void>> ask(std::string target);
  asio::awaitable<Result<void>> read_body();
  /// Reads what comes next of a body without an end, and takes it out of the parser.
  asio::awaitable<Result<void>> read_more();

  void without_limits() {
    stream_.expires_never();
    parser_.body_limit(boost::none);
  }
  [[nodiscard]] bool done() const { return parser_.is_done(); }
  [[nodiscard]] unsigned status() const { return parser_.get().result_int(); }
  [[nodiscard]] std::string& body() { return parser_.get().body(); }

 private:
  Http& owner_;
  Stream stream_;
  beast::flat_buffer buffer_;
  Parser parser_;
};

asio::awaitable<Result<void>> Http::Connection::ask(std::string target) {
  const std::string& socket = owner_.socket_;
  if (socket.size() >= sizeof(sockaddr_un::sun_path)) {
    co_return fail(fmt::format("the path of the Docker engine's socket is too long: {}", socket));
  }
  stream_.expires_after(Client::kTimeout);
  const Local::endpoint endpoint(socket);
  const auto [refused] = co_await stream_.async_connect(endpoint, kNoThrow);
  if (refused) co_return std::unexpected(connect_error(socket, refused));
  http::request<http::empty_body> request(http::verb::get, target, kHttpVersion);
  request.set(http::field::host, "docker");
  request.set(http::field::user_agent, "nxgate");
  const auto [unsent, sent] = co_await http::async_write(stream_, request, kNoThrow);
  if (unsent) co_return std::unexpected(broken(socket, unsent));
  const auto [unread, size] = co_await http::async_read_header(stream_, buffer_, parser_, kNoThrow);
  if (unread) co_return std::unexpected(broken(socket, unread));
  co_return Result<void>();
}

asio::awaitable<Result<void>> Http::Connection::read_body() {
  const auto [error, size] = co_await http::async_read(stream_, buffer_, parser_, kNoThrow);
  if (error) co_return std::unexpected(broken(owner_.socket_, error));
  co_return Result<void>();
}

asio::awaitable<Result<void>> Http::Connection::read_more() {
  const auto [error, size] = co_await http::async_read_some(stream_, buffer_, parser_, kNoThrow);
  if (error) co_return std::unexpected(broken(owner_.socket_, error));
  co_return Result<void>();
}

Http::Http(asio::io_context& loop, std::string socket) : loop_(loop), socket_(std::move(socket)) {}

asio::awaitable<Result<HttpAnswer>> Http::get(std::string target) {
  Connection connection(*this);
  if (const Result<void> asked = co_await connection.ask(target); !asked) {
    co_return std::unexpected(asked.error());
  }
  if (const Result<void> read = co_await connection.read_body(); !read) {
    co_return std::unexpected(read.error());
  }
  HttpAnswer answer;
  answer.status = connection.status();
  answer.body = std::move(connection.body());
  co_return answer;
}

asio::awaitable<Error> Http::follow(std::string target, std::function<void()> accepted,
                                    std::function<Result<void>(std::string_view)> line) {
  Connection connection(*this);
  if (const Result<void> asked = co_await connection.ask(target); !asked) co_return asked.error();
  if (connection.status() != kOk) {
    co_return Error{fmt::format("the Docker engine at {} refuses to tell of events: HTTP status {}",
                                socket_, connection.status())};
  }
  connection.without_limits();
  accepted();
  while (!connection.done()) {
    if (const Result<void> read = co_await connection.read_more(); !read) co_return read.error();
    if (const Result<void> taken = take_lines(connection.body(), line); !taken) {
      co_return taken.error();
    }
  }
  co_return Error{fmt::format("the Docker engine at {} has ended the events", socket_)};
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
