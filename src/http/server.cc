#include "http/server.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>
#include <sys/socket.h>

#include "base/census.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/no_throw.h"
#include "http/control.h"
#include "http/head.h"
#include "http/target.h"
#include "sys/accept_all.h"
#include "sys/descriptor.h"
#include "sys/socket.h"
#include "sys/unix_socket.h"

namespace nxgate::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace beast_http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr std::uint64_t kLargestBody = 64UL << 10;
constexpr std::chrono::seconds kPatience{30};
/// How often a feed is asked for more.
constexpr Milliseconds kBeat{50};

/// Of either family: what serves them is compiled once.
using Protocol = asio::generic::stream_protocol;
using Socket = Protocol::socket;

bool is_unix(const Protocol::endpoint& endpoint) { return endpoint.protocol().family() == AF_UNIX; }

Peer peer_of(Socket& socket, const Protocol::endpoint& remote) {
  if (!is_unix(remote)) return {};
  return {.user = sys::peer_user(socket.native_handle())};
}

/// For whom a connection counts.
ClientKey client_of(const Peer& peer, const Protocol::endpoint& remote) {
  if (is_unix(remote)) return client_behind(fmt::format("{}", peer.user.value_or(0)));
  sockaddr_storage storage{};
  std::memcpy(&storage, remote.data(), std::min(remote.size(), sizeof storage));
  return client_at(sys::to_endpoint(storage).address);
}

/// Told without reading the request, by one who can't wait for it.
constexpr std::string_view kTooMany =
    "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 21\r\n\r\n"
    "too many connections\n";

Reply refusal(unsigned status, std::string_view text) {
  return {.status = status, .type = "text/plain", .body = fmt::format("{}\n", text)};
}

using Message = beast_http::request<beast_http::string_body>;

ReplyHead head_of(const Reply& reply, const Message& request) {
  ReplyHead head(static_cast<beast_http::status>(reply.status), request.version());
  head.set(beast_http::field::content_type, reply.type);
  return head;
}

asio::awaitable<Reply> answer(Control& control, const Message& message, const Peer& peer) {
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
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Socket socket, const Protocol::endpoint& remote, Control& control,
          std::shared_ptr<Census> census)
      : peer_(peer_of(socket, remote)),
        client_(client_of(peer_, remote)),
        stream_(std::move(socket)),
        control_(control),
        census_(std::move(census)) {}

  void start() {
    auto place =
        census_->admit(client_, [executor = stream_.get_executor(), weak = weak_from_this()] {
          asio::post(executor, [weak] {
            if (const auto evicted = weak.lock()) evicted->stream_.close();
          });
        });
    if (place) {
      place_.emplace(*std::move(place));
      asio::co_spawn(
          stream_.get_executor(), [self = shared_from_this()] { return self->run(); },
          asio::detached);
    } else {
      (void)::send(stream_.socket().native_handle(), kTooMany.data(), kTooMany.size(),
                   MSG_DONTWAIT | MSG_NOSIGNAL);
      log::repeated("control refused", "control or metrics: too many connections; one was refused");
    }
  }

 private:
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
    ReplyHead head = head_of(reply, request);
    head.keep_alive(keep);
    head.content_length(reply.body.size());
    std::string text = text_of(head);
    if (request.method() != beast_http::verb::head) text += reply.body;
    co_return co_await write(std::move(text));
  }

  /// Until the client goes: with the first byte it sends or the end of what it sends.
  asio::awaitable<bool> stream(Reply reply, const Message& request) {
    ReplyHead head = head_of(reply, request);
    head.chunked(true);
    if (!co_await write(text_of(head))) co_return false;
    asio::steady_timer beat(stream_.get_executor());
    while (!gone()) {
      const std::string text = reply.feed->next();
      if (!text.empty()) {
        if (!co_await write(fmt::format("{:x}\r\n{}\r\n", text.size(), text))) co_return false;
        continue;
      }
      beat.expires_after(kBeat);
      co_await beat.async_wait(kNoThrow);
    }
    co_return false;
  }

  asio::awaitable<bool> write(std::string text) {
    stream_.expires_after(kPatience);
    const auto [error, size] = co_await asio::async_write(stream_, asio::buffer(text), kNoThrow);
    co_return !error;
  }

  [[nodiscard]] bool gone() {
    char byte = 0;
    const auto got = ::recv(stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
  }

  Peer peer_;
  ClientKey client_;
  beast::basic_stream<Protocol, asio::any_io_executor> stream_;
  Control& control_;
  std::shared_ptr<Census> census_;
  std::optional<Census::Place> place_;
  beast::flat_buffer buffer_;
};

}  // namespace

Server::Server(asio::io_context& loop, Control& control, sys::Descriptor socket,
               std::shared_ptr<Census> census) {
  sockaddr_storage here{};
  socklen_t size = sizeof here;
  (void)::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&here), &size);
  acceptor_ = std::make_shared<Acceptor>(loop, Protocol(here.ss_family, 0), socket.get());
  (void)socket.release();
  auto serve = [&control, census = std::move(census)](Socket connection,
                                                      const Protocol::endpoint& remote) {
    std::make_shared<Session>(std::move(connection), remote, control, census)->start();
  };
  asio::co_spawn(
      loop,
      sys::accept_all(acceptor_, "cannot accept control or metrics connections", std::move(serve)),
      asio::detached);
}

Server::~Server() {
  error_code ignored;
  acceptor_->close(ignored);
}

}  // namespace nxgate::http
