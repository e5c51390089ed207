#include "http/server.h"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/census.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/control.h"
#include "http/target.h"
#include "sys/descriptor.h"
#include "sys/unix_socket.h"

namespace nxgate::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace beast_http = boost::beast::http;
using asio::local::stream_protocol;
using boost::system::error_code;

namespace {

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr std::uint64_t kLargestBody = 64UL << 10;
constexpr std::chrono::seconds kPatience{30};
/// How often a feed is asked for more.
constexpr Milliseconds kBeat{50};
/// Then descriptors may be there again.
constexpr Milliseconds kPause{250};

Peer peer_of(stream_protocol::socket& socket) {
  return {.user = sys::peer_user(socket.native_handle())};
}

Peer peer_of(asio::ip::tcp::socket&) { return {}; }

/// For whom a connection counts.
ClientKey client_of(stream_protocol::socket& socket) {
  return client_behind(fmt::format("{}", sys::peer_user(socket.native_handle()).value_or(0)));
}

ClientKey client_of(asio::ip::tcp::socket& socket) {
  error_code error;
  const auto address = socket.remote_endpoint(error).address();
  if (error) return {};
  const auto bytes = address.is_v4() ? IpAddress::v4(address.to_v4().to_bytes())
                                     : IpAddress::v6(address.to_v6().to_bytes());
  return client_at(bytes);
}

/// Told without reading the request, by one who can't wait for it.
constexpr std::string_view kTooMany =
    "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 21\r\n\r\n"
    "too many connections\n";

Reply refusal(unsigned status, std::string_view text) {
  return {.status = status, .type = "text/plain", .body = fmt::format("{}\n", text)};
}

asio::awaitable<Reply> answer(Control& control,
                              const beast_http::request<beast_http::string_body>& message,
                              const Peer& peer) {
  auto target = parse_target(message.target());
  if (!target) co_return refusal(400, "the target is no path");
  const Request request{.method = std::string(message.method_string()),
                        .path = std::move(target->path),
                        .query = std::move(target->query),
                        .accept = std::string(message[beast_http::field::accept]),
                        .body = message.body(),
                        .peer = peer};
  try {
    co_return co_await control.handle(request);
  } catch (const std::exception& error) {
    co_return refusal(500, error.what());
  }
}

/// One connection. What ends it is of no interest: the client sees it.
template <class Protocol>
class Session : public std::enable_shared_from_this<Session<Protocol>> {
 public:
  Session(typename Protocol::socket socket, Control& control, std::shared_ptr<Census> census)
      : client_(client_of(socket)),
        peer_(peer_of(socket)),
        stream_(std::move(socket)),
        control_(control),
        census_(std::move(census)) {}

  void start() {
    auto place =
        census_->admit(client_, [executor = stream_.get_executor(), weak = this->weak_from_this()] {
          asio::post(executor, [weak] {
            if (const auto evicted = weak.lock()) evicted->stream_.close();
          });
        });
    if (place) {
      place_.emplace(*std::move(place));
      asio::co_spawn(
          stream_.get_executor(), [self = this->shared_from_this()] { return self->run(); },
          asio::detached);
    } else {
      (void)::send(stream_.socket().native_handle(), kTooMany.data(), kTooMany.size(),
                   MSG_DONTWAIT | MSG_NOSIGNAL);
      log::repeated("control refused", "control or metrics: too many connections; one was refused");
    }
  }

 private:
  using Message = beast_http::request<beast_http::string_body>;

  asio::awaitable<void> run() {
    while (true) {
      beast_http::request_parser<beast_http::string_body> parser;
      parser.body_limit(kLargestBody);
      if (place_) place_->idle(Clock::now());
      stream_.expires_after(kPatience);
      const auto [error, size] =
          co_await beast_http::async_read(stream_, buffer_, parser, kNoThrow);
      if (error == beast_http::error::body_limit) {
        co_await send(refusal(413, "the body is too large"), parser.get(), false);
        co_return;
      }
      if (error) co_return;
      if (place_) place_->busy(Clock::now());
      const auto& message = parser.get();
      Reply reply = co_await answer(control_, message, peer_);
      const bool keep = message.keep_alive();
      const bool sent = reply.feed ? co_await stream(std::move(reply), message)
                                   : co_await send(std::move(reply), message, keep);
      if (!sent || !keep) co_return;
    }
  }

  asio::awaitable<bool> send(Reply reply, const Message& request, bool keep) {
    beast_http::response<beast_http::string_body> response(
        static_cast<beast_http::status>(reply.status), request.version());
    response.set(beast_http::field::content_type, reply.type);
    response.keep_alive(keep);
    response.body() = std::move(reply.body);
    response.prepare_payload();
    if (request.method() == beast_http::verb::head) response.body().clear();
    stream_.expires_after(kPatience);
    const auto [error, size] = co_await beast_http::async_write(stream_, response, kNoThrow);
    co_return !error;
  }

  /// Until the client goes: with the first byte it sends or the end of what it sends.
  asio::awaitable<bool> stream(Reply reply, const Message& request) {
    beast_http::response<beast_http::empty_body> head(static_cast<beast_http::status>(reply.status),
                                                      request.version());
    head.set(beast_http::field::content_type, reply.type);
    head.chunked(true);
    beast_http::response_serializer<beast_http::empty_body> serializer(head);
    stream_.expires_after(kPatience);
    const auto [failed, size] =
        co_await beast_http::async_write_header(stream_, serializer, kNoThrow);
    if (failed) co_return false;
    asio::steady_timer beat(stream_.get_executor());
    while (!gone()) {
      const std::string text = reply.feed->next();
      if (!text.empty()) {
        stream_.expires_after(kPatience);
        const auto [error, written] = co_await asio::async_write(
            stream_, beast_http::make_chunk(asio::buffer(text)), kNoThrow);
        if (error) co_return false;
        continue;
      }
      beat.expires_after(kBeat);
      co_await beat.async_wait(kNoThrow);
    }
    co_return false;
  }

  [[nodiscard]] bool gone() {
    char byte = 0;
    const auto got = ::recv(stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
  }

  ClientKey client_;
  Peer peer_;
  beast::basic_stream<Protocol, asio::any_io_executor> stream_;
  Control& control_;
  std::shared_ptr<Census> census_;
  std::optional<Census::Place> place_;
  beast::flat_buffer buffer_;
};

template <class Protocol>
class Listening final : public Server {
 public:
  using Acceptor = typename Protocol::acceptor;

  Listening(Acceptor acceptor, Control& control, std::shared_ptr<Census> census)
      : acceptor_(std::make_shared<Acceptor>(std::move(acceptor))) {
    asio::co_spawn(acceptor_->get_executor(), accept(acceptor_, control, std::move(census)),
                   asio::detached);
  }
  ~Listening() override {
    error_code ignored;
    acceptor_->close(ignored);
  }

 private:
  static asio::awaitable<void> accept(std::shared_ptr<Acceptor> acceptor, Control& control,
                                      std::shared_ptr<Census> census) {
    while (acceptor->is_open()) {
      auto [error, socket] = co_await acceptor->async_accept(kNoThrow);
      if (error == asio::error::operation_aborted) co_return;
      if (error) {  // out of descriptors, above all
        log::repeated(
            "control accept",
            fmt::format("cannot accept control or metrics connections: {}; see `ulimit -n`",
                        error.message()));
        asio::steady_timer pause(acceptor->get_executor(), kPause);
        co_await pause.async_wait(kNoThrow);
        continue;
      }
      std::make_shared<Session<Protocol>>(std::move(socket), control, census)->start();
    }
  }

  std::shared_ptr<Acceptor> acceptor_;
};

}  // namespace

std::unique_ptr<Server> Server::at_unix(asio::io_context& loop, Control& control,
                                        sys::Descriptor socket, std::shared_ptr<Census> census) {
  stream_protocol::acceptor acceptor(loop, stream_protocol(), socket.get());
  (void)socket.release();
  return std::make_unique<Listening<stream_protocol>>(std::move(acceptor), control,
                                                      std::move(census));
}

std::unique_ptr<Server> Server::at_tcp(asio::io_context& loop, Control& control,
                                       sys::Descriptor socket, bool v6,
                                       std::shared_ptr<Census> census) {
  using asio::ip::tcp;
  tcp::acceptor acceptor(loop, v6 ? tcp::v6() : tcp::v4(), socket.get());
  (void)socket.release();
  return std::make_unique<Listening<tcp>>(std::move(acceptor), control, std::move(census));
}

}  // namespace nxgate::http
