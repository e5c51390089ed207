#include "app/sandbox_ports.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>

#include "base/address.h"
#include "base/error.h"
#include "base/no_throw.h"
#include "cli/forwarded_port.h"
#include "cli/options.h"
#include "sys/accept_all.h"
#include "sys/descriptor.h"
#include "sys/netns.h"
#include "sys/onward_socket.h"
#include "sys/socket.h"

namespace nxgate::app {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::array kFamilies{sys::Family::kIpv4, sys::Family::kIpv6};
constexpr std::size_t kAtOnce = 64UL << 10;

struct Both {
  tcp::socket client;
  tcp::socket server;
};

asio::ip::address loopback(sys::Family family) {
  return family == sys::Family::kIpv4 ? asio::ip::address(asio::ip::address_v4::loopback())
                                      : asio::ip::address(asio::ip::address_v6::loopback());
}

tcp protocol_of(sys::Family family) { return family == sys::Family::kIpv4 ? tcp::v4() : tcp::v6(); }

/// As a port at which nobody listens, or a peer that is gone. A destructor wouldn't send it.
void reset(tcp::socket& socket) {
  error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

/// Until one of them ends it; an end of what is sent passes on as one, and a reset as a reset.
asio::awaitable<void> carry(std::shared_ptr<Both> both, tcp::socket& from, tcp::socket& to) {
  std::vector<char> octets(kAtOnce);
  error_code end;
  while (!end) {
    std::size_t size = 0;
    std::tie(end, size) = co_await from.async_read_some(asio::buffer(octets), kNoThrow);
    if (end) continue;
    std::tie(end, size) =
        co_await asio::async_write(to, asio::buffer(octets.data(), size), kNoThrow);
  }
  if (end == asio::error::eof) {
    error_code ignored;
    to.shutdown(tcp::socket::shutdown_send, ignored);
  } else {
    reset(both->client);
    reset(both->server);
  }
}

/// To that port of a namespace's loopback; closed if nobody listens there.
asio::awaitable<tcp::socket> dial(asio::io_context& loop, sys::NetnsRef netns, std::uint16_t port) {
  for (const sys::Family family : kFamilies) {
    auto opened = sys::open_sockets(sys::SocketKind::kTcp, family, 1, netns);
    if (!opened) continue;
    tcp::socket socket(loop, protocol_of(family), opened->front().release());
    const auto [error] =
        co_await socket.async_connect(tcp::endpoint(loopback(family), port), kNoThrow);
    if (!error) co_return socket;
  }
  co_return tcp::socket(loop);
}

asio::awaitable<void> serve(asio::io_context& loop, tcp::socket client, sys::NetnsRef netns,
                            std::uint16_t port) {
  tcp::socket server = co_await dial(loop, std::move(netns), port);
  if (!server.is_open()) co_return reset(client);
  auto both = std::make_shared<Both>(std::move(client), std::move(server));
  asio::co_spawn(loop, carry(both, both->client, both->server), asio::detached);
  asio::co_spawn(loop, carry(both, both->server, both->client), asio::detached);
}

/// By the helper, in the sandbox's namespace.
Result<tcp::acceptor> listen_inside(asio::io_context& loop, const sys::NetnsRef& inside,
                                    sys::Family family, std::uint16_t port) {
  const auto address = IpAddress::parse(loopback(family).to_string());
  auto opened =
      sys::open_listener(sys::SocketKind::kTcp, {.endpoint = {*address, port}, .netns = inside},
                         sys::Sharing::kNobody);
  if (!opened && family == sys::Family::kIpv6) return tcp::acceptor(loop);
  if (!opened) return std::unexpected(opened.error());
  return tcp::acceptor(loop, protocol_of(family), opened->release());
}

Result<tcp::acceptor> listen_outside(asio::io_context& loop, sys::Family family,
                                     std::uint16_t port) {
  tcp::acceptor acceptor(loop);
  error_code error;
  acceptor.open(protocol_of(family), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind({loopback(family), port}, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (!error) return acceptor;
  const bool without_v6 =
      family == sys::Family::kIpv6 &&
      (error == asio::error::address_family_not_supported || error.value() == EADDRNOTAVAIL);
  if (without_v6) return tcp::acceptor(loop);
  return fail(fmt::format("cannot listen on {} at port {}: {}", loopback(family).to_string(), port,
                          error.message()));
}

/// Of both families; a host may be without IPv6, of which the acceptor is closed then. But where
/// somebody else has that port by IPv6, a client could come to them.
template <class Listen>
Result<void> forward(asio::io_context& loop, Listen listen, const sys::NetnsRef& there,
                     std::uint16_t to) {
  for (const sys::Family family : kFamilies) {
    auto acceptor = listen(family);
    if (!acceptor) return std::unexpected(acceptor.error());
    if (!acceptor->is_open()) continue;
    auto to_there = [&loop, there, to](tcp::socket client, const tcp::endpoint&) {
      asio::co_spawn(loop, serve(loop, std::move(client), there, to), asio::detached);
    };
    asio::co_spawn(
        loop,
        sys::accept_all(std::make_shared<tcp::acceptor>(*std::move(acceptor)),
                        "cannot accept connections to a forwarded port", std::move(to_there)),
        asio::detached);
  }
  return {};
}

}  // namespace

Result<void> open_sandbox_ports(const cli::RunOptions& options, const sys::NetnsRef& inside,
                                asio::io_context& loop) {
  for (const std::string& text : options.host_ports) {
    const auto port = cli::parse_forwarded_port(text);
    const auto listen = [&](sys::Family family) {
      return listen_inside(loop, inside, family, port->inside);
    };
    if (auto done = forward(loop, listen, sys::NetnsRef(), port->host); !done) {
      return fail(fmt::format("--host-port {}: {}", text, done.error().message));
    }
  }
  for (const std::string& text : options.published) {
    const auto port = cli::parse_forwarded_port(text);
    const auto listen = [&](sys::Family family) {
      return listen_outside(loop, family, port->host);
    };
    if (auto done = forward(loop, listen, inside, port->inside); !done) {
      return fail(fmt::format("--publish {}: {}", text, done.error().message));
    }
  }
  return {};
}

}  // namespace nxgate::app
