#include "serve/tcp_stream.h"

#include <cerrno>
#include <cstddef>
#include <expected>
#include <tuple>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/bytes.h"

namespace nxgate::serve {

namespace asio = boost::asio;
using boost::system::error_code;

asio::awaitable<std::tuple<error_code, std::size_t>> TcpStream::read_some(MutableBytes room) {
  return socket_.async_read_some(asio::buffer(room.data(), room.size()),
                                 asio::as_tuple(asio::use_awaitable));
}

std::expected<std::size_t, error_code> TcpStream::send_some(Bytes bytes) noexcept {
  const ssize_t sent =
      ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (errno == EAGAIN || errno == EINTR) return 0;
  return std::unexpected(error_code(errno, boost::system::system_category()));
}

void TcpStream::send(Bytes bytes, Written written) {
  asio::async_write(
      socket_, asio::buffer(bytes.data(), bytes.size()),
      [written = std::move(written)](const error_code& error, std::size_t) { written(error); });
}

void TcpStream::end_input() noexcept {
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_receive, ignored);
}

void TcpStream::close() noexcept {
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace nxgate::serve
