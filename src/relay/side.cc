#include "relay/side.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <tuple>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/error_code.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/no_throw.h"
#include "sys/descriptor.h"

namespace nxgate::relay {

namespace asio = boost::asio;

namespace {

/// Of a silent connection, in seconds: it ends after three minutes without a sign of the other end.
constexpr std::array<std::pair<int, int>, 3> kKeepalive{
    {{TCP_KEEPIDLE, 90}, {TCP_KEEPINTVL, 15}, {TCP_KEEPCNT, 6}}};

}  // namespace

void end_when_silent(const sys::Descriptor& socket) {
  const int on = 1;
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  (void)::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // Else it would be waited for without end, and isn't read.
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
  for (const auto& [option, value] : kKeepalive) {
    (void)::setsockopt(socket.get(), IPPROTO_TCP, option, &value, sizeof value);
  }
}

bool Side::open(sys::Descriptor socket) {
  boost::system::error_code full;
  waiting_.assign(socket.get(), full);
  if (full) return false;
  (void)socket.release();
  return true;
}

asio::awaitable<bool> Side::readable() {
  if (!is_open()) co_return false;
  const auto [error] =
      co_await waiting_.async_wait(asio::posix::descriptor_base::wait_read, kNoThrow);
  co_return !error && is_open();
}

asio::awaitable<bool> Side::writable() {
  if (!is_open()) co_return false;
  const auto [error] =
      co_await waiting_.async_wait(asio::posix::descriptor_base::wait_write, kNoThrow);
  co_return !error && is_open();
}

asio::awaitable<Side::Got> Side::read(MutableBytes into) {
  while (is_open()) {
    const ssize_t got = ::recv(get(), into.data(), into.size(), 0);
    if (got > 0) co_return Got{Got::Kind::kBytes, static_cast<std::size_t>(got)};
    if (got == 0) co_return Got{Got::Kind::kEnd};
    if (errno != EAGAIN && errno != EINTR) break;
    if (!co_await readable()) break;
  }
  co_return Got{};
}

asio::awaitable<bool> Side::write(Bytes bytes) {
  while (!bytes.empty()) {
    if (!is_open()) co_return false;
    const ssize_t sent = ::send(get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN && errno != EINTR) {
      co_return false;
    } else if (!co_await writable()) {
      co_return false;
    }
  }
  co_return true;
}

void Side::end_writing() {
  if (is_open()) (void)::shutdown(get(), SHUT_WR);
}

void Side::cancel() {
  boost::system::error_code ignored;
  waiting_.cancel(ignored);
}

void Side::close() {
  boost::system::error_code ignored;
  waiting_.close(ignored);
}

void Side::reset() {
  if (!is_open()) return;
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  (void)::setsockopt(get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

}  // namespace nxgate::relay
