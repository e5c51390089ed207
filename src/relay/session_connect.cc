// Connecting onward for a session.
#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "engine/connection_event.h"
#include "policy/connection_checks.h"
#include "relay/onward_pass.h"
#include "relay/session.h"
#include "sys/descriptor.h"
#include "sys/netns.h"
#include "sys/socket.h"

namespace nxgate::relay {

namespace asio = boost::asio;

namespace {

using engine::ConnectionEvent;

constexpr Seconds kToConnect{10};

/// Whether it says that the server can't be reached, and not that something of ours is missing.
bool is_of_the_way(const std::error_code& error) {
  constexpr std::array kKinds{std::errc::connection_refused, std::errc::connection_reset,
                              std::errc::host_unreachable, std::errc::network_unreachable,
                              std::errc::timed_out};
  return std::ranges::any_of(kKinds, [&](std::errc kind) { return error == kind; });
}

}  // namespace

asio::awaitable<bool> Session::connect() {
  deadline_.cancel();
  const std::error_code error = co_await connect_from(
      verdict_.dial == policy::DialFrom::kHost ? sys::NetnsRef() : place_->netns);
  opened_ = !error;
  event_.why = error ? error.message() : "";
  if (is_of_the_way(error)) verdict_.sets->note_unreachable(event_.to);
  tell(opened_ ? ConnectionEvent::Kind::kOpened : ConnectionEvent::Kind::kFailed);
  co_return opened_;
}

asio::awaitable<std::error_code> Session::connect_from(sys::NetnsRef netns) {
  auto taken = context_.sockets.take(netns, event_.to);
  if (!taken) co_return taken.error();
  // What this host sends itself isn't redirected.
  std::optional<OnwardPass> pass;
  if (!netns.own()) {
    sys::Descriptor held(::fcntl(taken->socket.get(), F_DUPFD_CLOEXEC, 0));
    if (!held) co_return std::error_code(errno, std::system_category());
    pass = OnwardPass{verdict_.sets, std::move(held), {taken->from, event_.to}};
    if (!co_await context_.passes.let(*pass)) {
      co_return make_error_code(std::errc::operation_not_permitted);
    }
  }
  std::error_code error = make_error_code(std::errc::not_enough_memory);
  if (server_.open(std::move(taken->socket))) error = co_await connect_server();
  if (pass) context_.passes.end(*std::move(pass));
  co_return error;
}

asio::awaitable<std::error_code> Session::connect_server() {
  const sys::SocketAddress address = sys::to_sockaddr(event_.to);
  if (::connect(server_.get(), address.get(), address.length) == 0) co_return std::error_code();
  if (errno != EINPROGRESS) co_return std::error_code(errno, std::system_category());
  asio::steady_timer limit(context_.loop, kToConnect);
  limit.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto session = weak.lock();
    if (!error && session) session->server_.cancel();
  });
  if (!co_await server_.writable()) co_return make_error_code(std::errc::timed_out);
  int failure = 0;
  socklen_t size = sizeof failure;
  (void)::getsockopt(server_.get(), SOL_SOCKET, SO_ERROR, &failure, &size);
  co_return std::error_code(failure, std::system_category());
}

}  // namespace nxgate::relay
