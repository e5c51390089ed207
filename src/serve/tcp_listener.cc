#include "serve/tcp_listener.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "serve/stream_session.h"
#include "serve/tcp_stream.h"
#include "serve/worker_context.h"
#include "sys/descriptor.h"
#include "sys/socket.h"

namespace nxgate::serve {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr Milliseconds kPause{100};
/// Then the loop's other work has its turn.
constexpr int kMostAtATime = 64;
/// Connections beyond the bounds that may be open, until their loops have closed those that made
/// room for them.
constexpr std::size_t kMostClosing = 16;
/// Bytes; the kernel doubles them for its own use. The longest answer fits.
constexpr int kSendBuffer = 64 << 10;
constexpr int kReceiveBuffer = 16 << 10;

}  // namespace

TcpListener::TcpListener(sys::Descriptor socket, std::shared_ptr<const Listener> listener,
                         WorkerContext& worker)
    : socket_(std::move(socket)),
      readable_(worker.loop),
      listener_(std::move(listener)),
      worker_(worker),
      pause_(worker.loop) {
  // Connections have these from it: what the kernel holds for one is bounded as well.
  for (const auto& [option, size] :
       {std::pair(SO_SNDBUF, kSendBuffer), std::pair(SO_RCVBUF, kReceiveBuffer)}) {
    (void)::setsockopt(socket_.get(), SOL_SOCKET, option, &size, sizeof size);
  }
}

void TcpListener::start() { wait(); }

void TcpListener::close() {
  readable_.cancel();
  readable_.let_go();
  pause_.cancel();
  socket_ = {};
}

void TcpListener::wait() {
  readable_.wait(socket_.get(), [self = shared_from_this()](const error_code& error) {
    if (error || !self->socket_) return;
    if (self->accept_waiting()) return self->wait();
    self->pause_.expires_after(kPause);
    self->pause_.async_wait([self](const error_code& cancelled) {
      if (!cancelled && self->socket_) self->wait();
    });
  });
}

/// Accepts what is there and there is room for; false if the process is out of descriptors or
/// memory.
bool TcpListener::accept_waiting() {
  for (int i = 0; i < kMostAtATime && worker_.tcp.census.closing() < kMostClosing; ++i) {
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    sys::Descriptor connection(::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&from), &length,
                                         SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection) {
      begin_session(std::move(connection), sys::to_endpoint(from));
    } else if (errno == EAGAIN) {
      return true;
    } else if (sys::is_local_lack(errno)) {
      log::repeated("tcp accept", fmt::format("cannot accept TCP connections: {}; see `ulimit -n`",
                                              ::strerrordesc_np(errno)));
      return false;
    }  // else the connection was gone before we took it
  }
  return true;
}

void TcpListener::begin_session(sys::Descriptor connection, const Endpoint& client) {
  asio::ip::tcp::socket socket(worker_.loop);
  error_code error;
  const auto protocol = client.address.is_v4() ? asio::ip::tcp::v4() : asio::ip::tcp::v6();
  socket.assign(protocol, connection.get(), error);
  if (error) {
    log::repeated("tcp accept", fmt::format("cannot serve a TCP connection: {}; see "
                                            "fs.epoll.max_user_watches",
                                            error.message()));
    return;
  }
  (void)connection.release();

  const auto session = std::make_shared<StreamSession>(
      std::make_unique<TcpStream>(std::move(socket)), client, listener_, worker_);
  const std::weak_ptr<StreamSession> weak = session;
  auto close = [weak] {
    if (const auto evicted = weak.lock()) evicted->close();
  };
  auto place = worker_.tcp.census.admit(
      session->client(),
      [close, executor = worker_.loop.get_executor()] { asio::post(executor, close); });
  if (!place) {
    log::repeated(
        "tcp refused",
        fmt::format(
            "{}: no more TCP connections for {} at the moment; see tcp-clients and tcp-per-client",
            listener_->at.to_string(), client.address.to_string()));
    return;
  }
  worker_.sessions.push_back(weak);
  session->start(std::move(*place));
}

}  // namespace nxgate::serve
