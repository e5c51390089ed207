// For tests: a TCP server on loopback that does what a test says, in the test's own thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "forward/scripted_upstream.h"
#include "sys/descriptor.h"

namespace nxgate::forward {

inline void run_for(boost::asio::io_context& loop, Milliseconds time) {
  loop.restart();
  loop.run_for(time);
}

/// The server's end of a connection.
class TcpPeer {
 public:
  explicit TcpPeer(int socket) : socket_(socket) {}

  /// What has come so far, without waiting.
  std::vector<Packet> queries() {
    std::array<std::uint8_t, 65536> bytes;
    ssize_t size = 0;
    while ((size = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT)) > 0) {
      come_.insert(come_.end(), bytes.begin(), bytes.begin() + size);
    }
    closed_ |= size == 0 || (errno != EAGAIN && errno != EINTR);
    std::vector<Packet> whole;
    while (come_.size() >= 2 && std::ssize(come_) >= 2 + size_of(come_)) {
      const auto end = come_.begin() + 2 + size_of(come_);
      whole.emplace_back(come_.begin() + 2, end);
      come_.erase(come_.begin(), end);
    }
    return whole;
  }
  /// Whether the client has closed it.
  bool closed() {
    queries();
    return closed_;
  }
  void send(const Packet& bytes) {
    ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  void answer(const Packet& query) { send(framed(address_reply(query))); }
  void close() { socket_ = {}; }

  static Packet framed(Packet message) {
    const auto size = message.size();
    message.insert(message.begin(),
                   {static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)});
    return message;
  }

 private:
  static int size_of(const Packet& bytes) { return bytes[0] << 8 | bytes[1]; }

  sys::Descriptor socket_;
  Packet come_;
  bool closed_ = false;
};

class TcpServer {
 public:
  explicit TcpServer(int backlog = 64)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof at;
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&at), length), 0);
    EXPECT_EQ(::listen(socket_.get(), backlog), 0);
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&at), &length);
    endpoint_ = {IpAddress::v4({127, 0, 0, 1}), ntohs(at.sin_port)};
  }

  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
  /// Connections accepted so far.
  [[nodiscard]] std::size_t accepted() const { return accepted_; }
  std::optional<TcpPeer> accept() {
    const int socket = ::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return std::nullopt;
    const int on = 1;  // or each answer but the first would wait for an acknowledgement
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ++accepted_;
    return TcpPeer(socket);
  }

 private:
  sys::Descriptor socket_;
  Endpoint endpoint_;
  std::size_t accepted_ = 0;
};

}  // namespace nxgate::forward
