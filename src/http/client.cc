#include "http/client.h"

#include <cerrno>
#include <cstddef>
#include <expected>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <boost/none.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/json.h"
#include "http/target.h"

namespace nxgate::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace beast_http = boost::beast::http;
namespace json = boost::json;
using asio::local::stream_protocol;
using boost::system::error_code;

namespace {

constexpr unsigned kHttpVersion = 11;

Error connect_error(const std::string& socket, const error_code& error) {
  switch (error.value()) {
    case ENOENT:
    case ECONNREFUSED:
      return {
          fmt::format("no nxgate is running with its control socket at {}: start one, or give the "
                      "socket of the running one with --control PATH",
                      socket)};
    case EACCES:
    case EPERM:
      return {fmt::format(
          "no permission to use {}: run as root or as a member of the group in control.group",
          socket)};
    default:
      return {fmt::format("cannot connect to {}: {}", socket, error.message())};
  }
}

/// A connection on which one question is asked.
class Connection {
 public:
  Connection(const std::string& path, std::stop_token stop) : path_(path), stop_(std::move(stop)) {
    parser_.body_limit(boost::none);
  }

  Result<void> ask(const std::string& method, const Target& target, const std::string& body) {
    if (path_.size() >= sizeof(sockaddr_un::sun_path)) {
      return fail(fmt::format("--control: the path is too long: {}", path_));
    }
    error_code error;
    socket_.connect(stream_protocol::endpoint(path_), error);
    if (error) return std::unexpected(connect_error(path_, error));
    on_stop_.emplace(stop_, ShutDown{socket_.native_handle()});
    beast_http::request<beast_http::string_body> request;
    request.method_string(method);
    request.target(to_string(target));
    request.version(kHttpVersion);
    request.set(beast_http::field::host, "nxgate");
    request.set(beast_http::field::connection, "close");
    if (!body.empty()) request.set(beast_http::field::content_type, "application/json");
    request.body() = body;
    request.prepare_payload();
    beast_http::write(socket_, request, error);
    if (!error) beast_http::read_header(socket_, buffer_, parser_, error);
    return error ? broken(error) : Result<void>{};
  }

  /// Reads on until `enough` of the body read so far.
  Result<void> read_until(const std::function<bool(std::string& body)>& enough) {
    while (!parser_.is_done()) {
      error_code error;
      beast_http::read_some(socket_, buffer_, parser_, error);
      if (error == beast_http::error::end_of_stream || error == beast_http::error::partial_message)
        return {};
      if (error) return broken(error);
      if (enough(parser_.get().body())) return {};
    }
    return {};
  }

  /// With the body that was read.
  [[nodiscard]] Answer take() {
    return {.status = parser_.get().result_int(), .body = std::move(parser_.get().body())};
  }
  [[nodiscard]] bool good() const { return parser_.get().result() == beast_http::status::ok; }

 private:
  /// Ends what another thread waits for.
  struct ShutDown {
    int descriptor;
    void operator()() const noexcept { ::shutdown(descriptor, SHUT_RDWR); }
  };

  [[nodiscard]] Result<void> broken(const error_code& error) const {
    return fail(fmt::format("the connection to nxgate at {} was lost: {}", path_, error.message()));
  }

  const std::string& path_;
  std::stop_token stop_;
  asio::io_context loop_{1};
  stream_protocol::socket socket_{loop_};
  beast::flat_buffer buffer_;
  beast_http::response_parser<beast_http::string_body> parser_;
  std::optional<std::stop_callback<ShutDown>> on_stop_;  // gone before the socket is
};

/// Cuts whole lines from the front; false once `take` wants no more.
bool take_lines(std::string& text, const std::function<bool(std::string_view)>& take) {
  std::size_t begin = 0;
  bool more = true;
  for (std::size_t end = 0; more && (end = text.find('\n', begin)) != std::string::npos;) {
    more = take(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
  }
  text.erase(0, begin);
  return more;
}

}  // namespace

Result<Answer> exchange(const std::string& socket, const std::string& method, const Target& target,
                        const std::string& body, const std::stop_token& stop) {
  Connection connection(socket, stop);
  if (auto asked = connection.ask(method, target, body); !asked) {
    return std::unexpected(asked.error());
  }
  auto read = connection.read_until([](std::string&) { return false; });
  if (!read) return std::unexpected(read.error());
  return connection.take();
}

std::string refusal(const Answer& answer) {
  const auto object = parse_object(answer.body);
  const json::value* const text = object ? object->if_contains("error") : nullptr;
  if (text != nullptr && text->is_string()) return text->get_string().c_str();
  return fmt::format("the server replied {}: {}", answer.status, answer.body);
}

Result<std::string> ask(const std::string& socket, const std::string& method, const Target& target,
                        const std::string& body, const std::stop_token& stop) {
  auto answer = exchange(socket, method, target, body, stop);
  if (!answer) return std::unexpected(answer.error());
  if (!answer->good()) return fail(refusal(*answer));
  return std::move(answer->body);
}

Result<Answer> listen(const std::string& socket, const Target& target,
                      const std::function<bool(std::string_view)>& take,
                      const std::stop_token& stop) {
  Connection connection(socket, stop);
  if (auto asked = connection.ask("GET", target, {}); !asked) {
    return std::unexpected(asked.error());
  }
  auto read = connection.read_until(
      [&](std::string& body) { return connection.good() && !take_lines(body, take); });
  if (!read) return std::unexpected(read.error());
  return connection.take();
}

}  // namespace nxgate::http
