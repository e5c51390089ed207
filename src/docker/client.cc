#include "docker/client.h"

#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>

#include "base/error.h"
#include "docker/container.h"

namespace nxgate::docker {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace json = boost::json;
using asio::local::stream_protocol;
using boost::system::error_code;
using Stream = beast::basic_stream<stream_protocol, asio::io_context::executor_type>;

namespace {

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr const char* kUsualSocket = "/var/run/docker.sock";
constexpr std::string_view kUnix = "unix://";
/// The newest API whose answers we know.
constexpr int kNewestMinor = 47;
constexpr std::uint64_t kLargestBody = 64UL << 20;
constexpr std::size_t kReadSize = 16384;
constexpr const char* kEvents =
    "/events?filters=%7B%22type%22%3A%5B%22container%22%2C%22network%22%5D%7D";

std::string no_connection(const std::string& socket, const error_code& error) {
  if (error == boost::system::errc::no_such_file_or_directory) {
    return fmt::format(
        "there is no engine socket {}; is Docker running? Name another by --engine or DOCKER_HOST",
        socket);
  }
  if (error == boost::system::errc::permission_denied) {
    return fmt::format("no permission to use the engine's socket {}; run as root or in its group",
                       socket);
  }
  if (error == boost::system::errc::connection_refused) {
    return fmt::format("nobody answers at the engine's socket {}; is Docker running?", socket);
  }
  return fmt::format("cannot connect to the engine's socket {}: {}", socket, error.message());
}

/// What the engine itself says, else the status alone.
std::string refusal(unsigned status, const std::string& body) {
  error_code error;
  const json::value value = json::parse(body, error);
  const json::object* const object = error ? nullptr : value.if_object();
  const json::value* const message = object == nullptr ? nullptr : object->if_contains("message");
  if (message != nullptr && message->is_string()) {
    return fmt::format("the engine says: {}", std::string_view(message->get_string()));
  }
  return fmt::format("the engine answered with status {}", status);
}

http::request<http::empty_body> request_for(const std::string& target) {
  http::request<http::empty_body> request(http::verb::get, target, 11);
  request.set(http::field::host, "docker");
  request.set(http::field::user_agent, "nxgate");
  return request;
}

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    encoded += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

int minor_of(std::string_view version) {
  const auto dot = version.find('.');
  return dot == std::string_view::npos ? 0 : std::atoi(version.substr(dot + 1).data());
}

/// The API that both sides know.
std::string agreed(const std::string& engines) {
  return minor_of(engines) > kNewestMinor ? fmt::format("1.{}", kNewestMinor) : engines;
}

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* const value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

/// Takes the whole lines off the front of `text`.
void take_lines(std::string& text, const std::function<void(const Event&)>& seen) {
  std::size_t begin = 0;
  for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    if (const auto event = parse_event(line)) seen(*event);
  }
  text.erase(0, begin);
}

}  // namespace

Result<std::string> engine_socket(std::string_view configured) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody here changes the environment.
  const char* const host = std::getenv("DOCKER_HOST");
  const std::string_view from_environment = host == nullptr ? "" : host;
  std::string_view address = configured.empty() ? from_environment : configured;
  if (address.empty()) return std::string(kUsualSocket);
  if (address.starts_with(kUnix)) address.remove_prefix(kUnix.size());
  if (address.starts_with('/')) return std::string(address);
  return fail(fmt::format(
      "{}{}: expected a unix socket, such as unix://{}: containers can only be attached on the "
      "machine that they run on",
      configured.empty() ? "DOCKER_HOST=" : "", address, kUsualSocket));
}

Client::Client(asio::io_context& loop, std::string socket)
    : loop_(&loop), socket_(std::move(socket)) {}

asio::awaitable<Result<std::string>> Client::get(std::string target) {
  Stream stream(*loop_);
  stream.expires_after(kTimeout);
  const stream_protocol::endpoint endpoint(socket_);
  const auto [refused] = co_await stream.async_connect(endpoint, kNoThrow);
  if (refused) co_return fail(no_connection(socket_, refused));
  const auto request = request_for(target);
  const auto [unsent, sent] = co_await http::async_write(stream, request, kNoThrow);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kLargestBody);
  if (!unsent) {
    const auto [error, size] = co_await http::async_read(stream, buffer, parser, kNoThrow);
    if (!error && parser.get().result() == http::status::ok) co_return parser.release().body();
    if (!error) co_return fail(refusal(parser.get().result_int(), parser.get().body()));
    co_return fail(fmt::format("the engine at {} didn't answer: {}", socket_, error.message()));
  }
  co_return fail(fmt::format("the engine at {} hung up: {}", socket_, unsent.message()));
}

asio::awaitable<Result<EngineVersion>> Client::version() {
  const auto body = co_await get("/version");
  if (!body) co_return std::unexpected(body.error());
  error_code error;
  const json::value value = json::parse(*body, error);
  const json::object* const object = error ? nullptr : value.if_object();
  const std::string api = object == nullptr ? "" : text_of(*object, "ApiVersion");
  if (api.empty()) co_return fail(fmt::format("{} is no Docker engine's socket", socket_));
  api_ = agreed(api);
  EngineVersion version;
  version.engine = text_of(*object, "Version");
  version.api = api_;
  co_return version;
}

asio::awaitable<Result<std::string>> Client::get_versioned(std::string target) {
  if (api_.empty()) {
    const auto known = co_await version();
    if (!known) co_return std::unexpected(known.error());
  }
  const std::string versioned = fmt::format("/v{}{}", api_, target);
  co_return co_await get(versioned);
}

asio::awaitable<Result<std::vector<Container>>> Client::list(bool all) {
  const std::string target = all ? "/containers/json?all=1" : "/containers/json";
  const auto body = co_await get_versioned(target);
  if (!body) co_return std::unexpected(body.error());
  co_return parse_list(*body);
}

asio::awaitable<Result<Container>> Client::inspect(std::string container) {
  const std::string target = fmt::format("/containers/{}/json", percent_encoded(container));
  const auto body = co_await get_versioned(target);
  if (!body) co_return std::unexpected(body.error());
  co_return parse_inspect(*body);
}

asio::awaitable<Error> Client::events(std::function<void()> subscribed,
                                      std::function<void(const Event&)> seen) {
  if (api_.empty()) {
    const auto known = co_await version();
    if (!known) co_return known.error();
  }
  Stream stream(*loop_);
  stream.expires_never();
  const stream_protocol::endpoint endpoint(socket_);
  const auto [refused] = co_await stream.async_connect(endpoint, kNoThrow);
  if (refused) co_return Error{no_connection(socket_, refused)};
  const auto request = request_for(fmt::format("/v{}{}", api_, kEvents));
  const auto [unsent, sent] = co_await http::async_write(stream, request, kNoThrow);
  beast::flat_buffer buffer;
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  error_code failure = unsent;
  if (!failure) {
    const auto [error, size] = co_await http::async_read_header(stream, buffer, parser, kNoThrow);
    failure = error;
  }
  if (!failure && parser.get().result() != http::status::ok) {
    co_return Error{refusal(parser.get().result_int(), "")};
  }
  if (!failure) subscribed();
  std::string lines;
  std::vector<char> chunk(kReadSize);
  while (!failure && !parser.is_done()) {
    parser.get().body().data = chunk.data();
    parser.get().body().size = chunk.size();
    const auto [error, size] = co_await http::async_read_some(stream, buffer, parser, kNoThrow);
    failure = error == http::error::need_buffer ? error_code() : error;
    lines.append(chunk.data(), chunk.size() - parser.get().body().size);
    take_lines(lines, seen);
  }
  co_return Error{fmt::format("the engine at {} ended the connection", socket_)};
}

}  // namespace nxgate::docker
