#include "forward/tcp_query.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <sys/socket.h>

#include "base/address.h"
#include "base/bytes.h"
#include "sys/netns.h"
#include "sys/socket.h"
#include "wire/writer.h"

namespace nxgate::forward {

using boost::asio::awaitable;
using boost::asio::redirect_error;
using boost::asio::use_awaitable;
using boost::system::error_code;
using Socket = boost::asio::posix::stream_descriptor;

TcpQuery::TcpQuery(boost::asio::io_context& loop, TcpClient& client, Bytes query)
    : socket_(loop), client_(&client) {
  wire::Writer writer(frame_);
  writer.u16(static_cast<std::uint16_t>(query.size()));
  writer.bytes(query);
  frame_size_ = writer.size();
}

void TcpQuery::start(const Endpoint& server, const sys::NetnsRef& netns) {
  auto opened = sys::open_upstream_socket(sys::SocketKind::kTcp, server, netns);
  if (!opened) return fail(opened.error().value());
  error_code error;
  socket_.assign(opened->get(), error);
  if (error) return fail(error.value());
  std::ignore = opened->release();
  boost::asio::co_spawn(socket_.get_executor(), run(shared_from_this()), boost::asio::detached);
}

void TcpQuery::cancel() {
  client_ = nullptr;
  error_code ignored;
  socket_.close(ignored);
}

awaitable<void> TcpQuery::run(std::shared_ptr<TcpQuery> self) {
  error_code error;
  co_await self->socket_.async_wait(Socket::wait_write, redirect_error(use_awaitable, error));
  if (error) co_return self->close();
  int failure = 0;
  socklen_t length = sizeof failure;
  const int socket = self->socket_.native_handle();
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &failure, &length);
  if (failure != 0) co_return self->fail(failure);
  // So few bytes always fit an empty send buffer.
  if (::send(socket, self->frame_.data(), self->frame_size_, MSG_NOSIGNAL) < 0) {
    co_return self->fail(errno);
  }
  std::array<std::uint8_t, 2> prefix{};
  if (!co_await self->receive(prefix)) co_return self->close();
  self->message_.resize(static_cast<std::size_t>(prefix[0] << 8 | prefix[1]));
  if (!co_await self->receive(self->message_)) co_return self->close();
  if (TcpClient* const client = std::exchange(self->client_, nullptr)) {
    client->answered_by_tcp(self->message_);
  }
}

/// Fills `buffer` from the stream; false if that can't be.
awaitable<bool> TcpQuery::receive(MutableBytes buffer) {
  while (!buffer.empty()) {
    error_code error;
    co_await socket_.async_wait(Socket::wait_read, redirect_error(use_awaitable, error));
    if (error) co_return false;
    const auto size = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (size <= 0) co_return false;
    buffer = buffer.subspan(static_cast<std::size_t>(size));
  }
  co_return true;
}

void TcpQuery::fail(int error) {
  if (TcpClient* const client = std::exchange(client_, nullptr)) client->failed_by_tcp(error);
}

void TcpQuery::close() {
  if (TcpClient* const client = std::exchange(client_, nullptr)) client->closed_by_tcp();
}

}  // namespace nxgate::forward
