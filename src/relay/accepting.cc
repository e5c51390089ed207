#include "relay/accepting.h"

#include <cerrno>
#include <memory>
#include <mutex>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "base/log.h"
#include "relay/context.h"
#include "sys/descriptor.h"
#include "sys/onward_socket.h"
#include "sys/socket.h"

namespace nxgate::relay {

namespace asio = boost::asio;

namespace {

/// While there are no descriptors.
constexpr Milliseconds kPause{50};
constexpr int kMostAccepted = 64;

void reset(const sys::Descriptor& connection) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  (void)::setsockopt(connection.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace

Accepting::Accepting(asio::io_context& loop, sys::Descriptor socket,
                     std::shared_ptr<const Place> place, Room& room, Give give)
    : loop_(loop),
      socket_(std::move(socket)),
      readable_(loop),
      pause_(loop),
      place_(std::move(place)),
      room_(room),
      give_(std::move(give)) {}

void Accepting::start() {
  asio::post(loop_, [self = shared_from_this()] {
    boost::system::error_code full;
    self->readable_.assign(self->socket_.get(), full);
    if (full) {
      return log::error("cannot wait for connections whose names are checked: {}", full.message());
    }
    (void)self->socket_.release();
    self->wait();
  });
}

void Accepting::close() {
  {
    const std::scoped_lock lock(mutex_);
    give_ = nullptr;
  }
  asio::post(loop_, [self = shared_from_this()] {
    boost::system::error_code ignored;
    self->readable_.close(ignored);
    self->pause_.cancel();
  });
}

void Accepting::wait() {
  readable_.async_wait(asio::posix::descriptor_base::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& error) {
                         if (error) return;
                         for (int i = 0; i < kMostAccepted; ++i) {
                           if (!self->accept_one()) return;
                         }
                         self->wait();
                       });
}

/// False if it will be called again later.
bool Accepting::accept_one() {
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  sys::Descriptor connection(::accept4(readable_.native_handle(),
                                       reinterpret_cast<sockaddr*>(&from), &size,
                                       SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (connection) {
    serve(std::move(connection), sys::to_endpoint(from));
    return true;
  }
  if (errno == ECONNABORTED || errno == EINTR) return true;
  if (!sys::is_local_lack(errno) || errno == EAGAIN) {
    wait();
    return false;
  }
  log::repeated("relay descriptors",
                "no descriptor for a connection whose name is to be checked; see `ulimit -n`");
  pause_.expires_after(kPause);
  pause_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error) self->wait();
  });
  return false;
}

void Accepting::serve(sys::Descriptor connection, const Endpoint& client) {
  const Endpoint own = sys::local_endpoint(connection);
  const Endpoint to = sys::original_destination(connection, own);
  const ClientKey counted = place_->client ? place_->client : client_at(client.address);
  if (to == own) return reset(connection);
  if (!room_.connections.take(counted)) {
    log::repeated(
        "relay room " + place_->policy,
        fmt::format("there is no room for more connections whose names are checked; {}{}{} "
                    "has its share",
                    client.address.to_string(), place_->netns.own() ? "" : " of ",
                    place_->netns.text()));
    return reset(connection);
  }
  const std::scoped_lock lock(mutex_);
  if (!give_) {
    room_.connections.give_back(counted);
    return reset(connection);
  }
  give_(std::move(connection), counted, client, to);
}

}  // namespace nxgate::relay
