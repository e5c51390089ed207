// A DnsServer with a scripted handler, and clients that speak to it over real sockets.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "serve/dns_server.h"
#include "sys/socket.h"

namespace nxgate::serve {

inline Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Does what the first letter of a request says: `d` drops it, `l` keeps it waiting, `r` answers it
/// after all that wait (the last first), `n` is late and yet at once, `b` gets 60000 bytes;
/// anything else is echoed.
class ScriptedHandler final : public Handler {
 public:
  std::atomic<int> waiting = 0;
  std::atomic<int> batches = 0;
  std::atomic<std::size_t> sent_at_once = 0;
  std::string policy;  ///< of the last request; read it only when the loop stands still
  std::vector<std::pair<std::string, engine::LateReply>> late;

  void refresh() override { ++batches; }
  void sent(std::size_t replies, Clock::duration taken) override {
    EXPECT_GT(taken, Clock::duration::zero());
    sent_at_once += replies;
  }
  engine::Handled handle(const engine::Request& request, MutableBytes out,
                         LateSource& source) override {
    const std::string text(request.message.begin(), request.message.end());
    policy = request.listener_policy;
    const char order = text.empty() ? 'e' : text.front();
    if (order == 'd') return {};
    if (order == 'l' || order == 'n') {
      late.emplace_back(text, source.make_late());
      ++waiting;
      if (order == 'n') release();
      return {engine::Disposition::kPending};
    }
    if (order == 'r') release();
    if (order == 'b') {
      std::ranges::fill(out.first(60000), std::uint8_t{'b'});
      return {engine::Disposition::kReply, 60000};
    }
    std::ranges::copy(request.message, out.begin());
    return {engine::Disposition::kReply, request.message.size()};
  }

 private:
  void release() {
    while (!late.empty()) {
      auto [text, reply] = std::move(late.back());
      late.pop_back();
      --waiting;
      reply(bytes_of(text));
    }
  }
};

/// Waits up to two seconds for `condition`.
template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 400 && !condition(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return condition();
}

/// A blocking client; it waits two seconds for an answer.
class Client {
 public:
  Client(int type, const Endpoint& server)
      : socket_(::socket(server.address.is_v4() ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0)) {
    const timeval timeout{.tv_sec = 2, .tv_usec = 0};
    (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    const sys::SocketAddress address = sys::to_sockaddr(server);
    connected_ = ::connect(socket_.get(), address.get(), address.length) == 0;
  }

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] int get() const { return socket_.get(); }
  bool send(std::string_view bytes) const {
    return ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == std::ssize(bytes);
  }
  /// One datagram, or `(none)`.
  [[nodiscard]] std::string receive() const {
    char bytes[4096];
    const auto size = ::recv(socket_.get(), bytes, sizeof bytes, 0);
    return size < 0 ? "(none)" : std::string(bytes, static_cast<std::size_t>(size));
  }
  /// One framed message; `(closed)` when the server has closed, `(none)` when nothing comes.
  [[nodiscard]] std::string receive_framed() const {
    std::string length = exactly(2);
    if (length.size() != 2) return length.empty() ? "(closed)" : length;
    const auto high = static_cast<std::uint8_t>(length[0]);
    const auto low = static_cast<std::uint8_t>(length[1]);
    return exactly(static_cast<std::size_t>(high << 8 | low));
  }
  /// Whether the server has closed or closes within two seconds; nothing may come before.
  [[nodiscard]] bool closed() const {
    char byte = 0;
    const auto size = ::recv(socket_.get(), &byte, 1, 0);
    return size == 0 || (size < 0 && errno == ECONNRESET);
  }

 private:
  [[nodiscard]] std::string exactly(std::size_t size) const {
    std::string bytes(size, '\0');
    const auto got = ::recv(socket_.get(), bytes.data(), size, MSG_WAITALL);
    if (got < 0) return errno == ECONNRESET ? "" : "(none)";
    bytes.resize(static_cast<std::size_t>(got));
    return bytes;
  }

  sys::Descriptor socket_;
  bool connected_ = false;
};

inline std::string framed(std::string_view message) {
  std::string bytes{static_cast<char>(message.size() >> 8), static_cast<char>(message.size())};
  return bytes.append(message);
}

/// A port that is free for UDP and TCP on every address.
inline std::uint16_t free_port() {
  for (std::uint16_t port = 20000; port < 30000; ++port) {
    const auto candidate = static_cast<std::uint16_t>(port + ::getpid() % 1000);
    Listener listener;
    listener.at.endpoint = {IpAddress(), candidate};
    if (probe_free({&listener, 1})) return candidate;
  }
  return 0;
}

/// A DnsServer on a loop of its own thread.
class Running {
 public:
  explicit Running(std::string_view address = "127.0.0.1", const TcpLimits& limits = {},
                   sys::NetnsRef netns = {})
      : endpoint_{*IpAddress::parse(address), free_port()}, limits_(limits), tcp_(limits) {
    Listener listener;
    listener.at.endpoint = endpoint_;
    listener.at.netns = std::move(netns);
    listener.policy = "ci";
    server_.emplace(loop_, handler_, std::vector{listener}, limits_, tcp_, true);
    started_ = server_->start();
    if (started_) thread_ = std::jthread([this] { loop_.run(); });
  }
  /// Every coroutine must come to its end when the server goes, or this never returns.
  ~Running() {
    if (!thread_.joinable()) return;
    destroy_server();
    keep_running_.reset();
    thread_.join();
  }

  [[nodiscard]] const Result<void>& started() const { return started_; }
  [[nodiscard]] Client tcp() const { return Client(SOCK_STREAM, endpoint_); }
  [[nodiscard]] Client udp() const { return Client(SOCK_DGRAM, endpoint_); }
  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
  [[nodiscard]] ScriptedHandler& handler() { return handler_; }
  [[nodiscard]] Census& census() { return tcp_.census; }
  [[nodiscard]] Shares& bytes() { return tcp_.bytes; }
  [[nodiscard]] DnsServer& server() { return *server_; }
  void destroy_server() {
    on_loop([this] { server_.reset(); });
  }
  /// Runs `action` on the loop's thread, and waits for it.
  void on_loop(const std::function<void()>& action) {
    std::atomic<bool> done = false;
    boost::asio::post(loop_, [&] {
      action();
      done = true;
      done.notify_one();
    });
    done.wait(false);
  }
  /// Stops the loop in the middle of everything.
  void halt() {
    loop_.stop();
    thread_.join();
  }

 private:
  Endpoint endpoint_;
  TcpLimits limits_;
  TcpRoom tcp_;
  ScriptedHandler handler_;
  boost::asio::io_context loop_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_running_{
      loop_.get_executor()};
  std::optional<DnsServer> server_;
  Result<void> started_;
  std::jthread thread_;
};

}  // namespace nxgate::serve
