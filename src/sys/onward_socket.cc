#include "sys/onward_socket.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <system_error>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <sodium.h>
#include <sys/socket.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "base/address.h"
#include "base/error.h"
#include "sys/broker.h"
#include "sys/descriptor.h"
#include "sys/netns.h"
#include "sys/socket.h"

namespace nxgate::sys {
namespace {

/// As the kernel's own choice by default: below are ports of servers.
constexpr std::uint16_t kFirstPort = 32768;
constexpr int kAttempts = 64;

std::error_code last_error() { return {errno, std::system_category()}; }

/// Those that can be had; `error` says why there are no more.
std::vector<Descriptor> made(SocketKind kind, Family family, std::size_t count, int& error) {
  const int domain = family == Family::kIpv4 ? AF_INET : AF_INET6;
  const int type = kind == SocketKind::kUdp ? SOCK_DGRAM : SOCK_STREAM;
  std::vector<Descriptor> all;
  while (all.size() < count) {
    Descriptor socket(::socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) {
      error = errno;
      break;
    }
    all.push_back(std::move(socket));
  }
  return all;
}

/// The source that the routes choose. A socket that has one already would keep it.
std::expected<Endpoint, std::error_code> source_towards(const Endpoint& to,
                                                        const Descriptor& route) {
  const sockaddr nowhere{.sa_family = AF_UNSPEC, .sa_data = {}};
  const SocketAddress address = to_sockaddr(to);
  if (::connect(route.get(), &nowhere, sizeof nowhere) != 0 ||
      ::connect(route.get(), address.get(), address.length) != 0) {
    return std::unexpected(last_error());
  }
  return local_endpoint(route);
}

}  // namespace

std::expected<std::vector<Descriptor>, std::error_code> open_sockets(SocketKind kind, Family family,
                                                                     std::size_t count,
                                                                     const NetnsRef& netns) {
  if (const Broker* const broker = Broker::active(); broker != nullptr && !netns.own()) {
    return broker->open_sockets(kind, family, count, netns);
  }
  std::vector<Descriptor> sockets;
  int error = 0;
  const Result<void> entered =
      in_netns(netns, [&] { sockets = made(kind, family, std::min(count, kMostSockets), error); });
  if (!entered) return std::unexpected(make_error_code(std::errc::network_unreachable));
  if (sockets.empty()) return std::unexpected(std::error_code(error, std::system_category()));
  return sockets;
}

/// At all addresses, of both families if there are two: another socket may have been bound to all,
/// be connected from loopback now, and get back all addresses once it is disconnected. The port is
/// chosen here: the kernel frees one of its own choice as soon as the connection is reset, while
/// the socket is still there.
std::expected<Endpoint, std::error_code> bind_towards(const Endpoint& to, const Descriptor& socket,
                                                      const Descriptor& route) {
  auto from = source_towards(to, route);
  if (!from) return from;
  const bool v4 = to.address.is_v4();
  const int off = 0;
  if (!v4 && ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) {
    return std::unexpected(last_error());
  }
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    from->port = static_cast<std::uint16_t>(kFirstPort + ::randombytes_uniform(65536 - kFirstPort));
    const SocketAddress at = to_sockaddr({v4 ? IpAddress() : IpAddress::v6({}), from->port});
    if (::bind(socket.get(), at.get(), at.length) == 0) return from;
    if (errno != EADDRINUSE) break;
  }
  return std::unexpected(last_error());
}

Endpoint original_destination(const Descriptor& connection, const Endpoint& own) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  const bool v4 = own.address.is_v4();
  const bool found =
      ::getsockopt(connection.get(), v4 ? SOL_IP : SOL_IPV6,
                   v4 ? SO_ORIGINAL_DST : IP6T_SO_ORIGINAL_DST, &storage, &length) == 0;
  return found ? to_endpoint(storage) : own;
}

}  // namespace nxgate::sys
