#include "sys/socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/address.h"
#include "base/error.h"
#include "sys/broker.h"
#include "sys/descriptor.h"
#include "sys/netns.h"

namespace nxgate::sys {
namespace {

constexpr int kBacklog = 1024;
constexpr int kUdpReceiveBuffer = 1 << 20;
constexpr std::uint16_t kFirstRandomPort = 1024;
constexpr int kPortAttempts = 8;

std::unexpected<std::error_code> system_code() {
  return std::unexpected(std::error_code(errno, std::system_category()));
}

/// Sets an option to an int; the error stays in errno.
bool set(const Descriptor& socket, int level, int option, int value = 1) noexcept {
  return ::setsockopt(socket.get(), level, option, &value, sizeof value) == 0;
}

Descriptor make_socket(SocketKind kind, bool v4) noexcept {
  const int type = kind == SocketKind::kUdp ? SOCK_DGRAM : SOCK_STREAM;
  return Descriptor(::socket(v4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/// What puts a command into that namespace; the file of a pinned one is nobody else's.
std::string inside(const NetnsRef& netns) {
  if (netns.own()) return {};
  constexpr std::string_view kContainer = "container:";
  if (!netns.text().starts_with(kContainer))
    return fmt::format("nsenter --net={} ", netns.named_path());
  return fmt::format("nsenter -n -t $(docker inspect -f '{{{{.State.Pid}}}}' {}) ",
                     netns.text().substr(kContainer.size()));
}

/// What to do about an error of making a listening socket.
std::string advice(int error, SocketKind kind, const ListenAddress& at) {
  const std::string place = fmt::format("{}/{}", at.to_string(), name_of(kind));
  switch (error) {
    case EADDRINUSE:
      return fmt::format(
          "{} is in use by another program; `{}ss -l{}np 'sport = :{}'` shows which; choose "
          "another port with --listen",
          place, inside(at.netns), name_of(kind).front(), at.endpoint.port);
    case EACCES:
      return fmt::format("{}: a port below 1024 requires root or CAP_NET_BIND_SERVICE", place);
    case EPERM:
      return fmt::format("{}: root or CAP_NET_RAW is required", place);
    case EADDRNOTAVAIL:
      return fmt::format(
          "{}: no interface has the address {}; see `{}ip address`; use --freebind to listen on an "
          "address that doesn't exist yet",
          place, at.endpoint.address.to_string(), inside(at.netns));
    case ENODEV:
      return fmt::format("{}: no such interface: {}; see `{}ip link`", place, at.interface,
                         inside(at.netns));
    case EAFNOSUPPORT:
      return fmt::format("{}: this system doesn't support {}", place,
                         at.endpoint.address.is_v4() ? "IPv4" : "IPv6");
    default:
      return fmt::format("cannot listen on {}: {}", place, std::generic_category().message(error));
  }
}

bool set_udp_options(const Descriptor& socket, const ListenAddress& at) noexcept {
  // Best effort: only root may go beyond net.core.rmem_max.
  if (!set(socket, SOL_SOCKET, SO_RCVBUFFORCE, kUdpReceiveBuffer)) {
    (void)set(socket, SOL_SOCKET, SO_RCVBUF, kUdpReceiveBuffer);
  }
  // A message that is never cut into fragments needs no number that tells its fragments apart,
  // which the kernel draws with some effort. RFC 9715 advises it; UdpBatch knows of narrow ways.
  if (at.endpoint.address.is_v4() && !set(socket, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)) {
    return false;
  }
  if (!at.wildcard()) return true;
  return at.endpoint.address.is_v4() ? set(socket, IPPROTO_IP, IP_PKTINFO)
                                     : set(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO);
}

bool set_options(SocketKind kind, const Descriptor& socket, const ListenAddress& at) noexcept {
  return kind == SocketKind::kUdp ? set_udp_options(socket, at)
                                  : set(socket, IPPROTO_TCP, TCP_NODELAY);
}

bool listens(const Descriptor& socket) noexcept {
  int listening = 0;
  socklen_t size = sizeof listening;
  return ::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 &&
         listening != 0;
}

/// Makes and binds the socket in the calling thread's namespace; on failure errno says why.
Descriptor bound_socket(SocketKind kind, const ListenAddress& at, bool reuse_address,
                        bool reuse_port) noexcept {
  const bool v4 = at.endpoint.address.is_v4();
  Descriptor socket = make_socket(kind, v4);
  if (!socket) return {};
  if (!v4 && !set(socket, IPPROTO_IPV6, IPV6_V6ONLY)) return {};
  if (reuse_address && !set(socket, SOL_SOCKET, SO_REUSEADDR)) return {};
  if (reuse_port && !set(socket, SOL_SOCKET, SO_REUSEPORT)) return {};
  if (!set_options(kind, socket, at)) return {};
  if (!at.interface.empty() &&
      ::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, at.interface.c_str(),
                   static_cast<socklen_t>(at.interface.size())) != 0) {
    return {};
  }
  if (at.freebind &&
      !set(socket, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_FREEBIND : IPV6_FREEBIND)) {
    return {};
  }
  const SocketAddress address = to_sockaddr(at.endpoint);
  if (::bind(socket.get(), address.get(), address.length) != 0) return {};
  return socket;
}

std::uint16_t random_port() noexcept {
  return static_cast<std::uint16_t>(kFirstRandomPort +
                                    randombytes_uniform(65536 - kFirstRandomPort));
}

/// An unpredictable source port (RFC 5452 section 9.2); the kernel's choice when ours are taken.
bool bind_random_port(const Descriptor& socket, bool v4) noexcept {
  Endpoint from{v4 ? IpAddress() : IpAddress::v6({}), 0};
  for (int attempt = 0; attempt < kPortAttempts; ++attempt) {
    from.port = random_port();
    const SocketAddress address = to_sockaddr(from);
    if (::bind(socket.get(), address.get(), address.length) == 0) return true;
    if (errno != EADDRINUSE) return false;
  }
  from.port = 0;
  const SocketAddress address = to_sockaddr(from);
  return ::bind(socket.get(), address.get(), address.length) == 0;
}

bool prepare_upstream(SocketKind kind, const Descriptor& socket, bool v4) noexcept {
  if (kind == SocketKind::kTcp) return set(socket, IPPROTO_TCP, TCP_NODELAY);
  const bool options = v4 ? set(socket, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT) &&
                                set(socket, IPPROTO_IP, IP_RECVERR)
                          : set(socket, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT) &&
                                set(socket, IPPROTO_IPV6, IPV6_RECVERR);
  return options && bind_random_port(socket, v4);
}

/// Puts the interface that the zone names into the address; on failure errno says why.
bool set_zone(const Descriptor& socket, const std::string& zone, SocketAddress& address) noexcept {
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address.storage, sizeof v6);
  ifreq interface{};
  zone.copy(static_cast<char*>(interface.ifr_name), IFNAMSIZ - 1);
  if (::ioctl(socket.get(), SIOCGIFINDEX, &interface) != 0) {
    const char* const end = zone.data() + zone.size();
    const auto [parsed, error] = std::from_chars(zone.data(), end, interface.ifr_ifindex);
    if (error != std::errc{} || parsed != end) {
      errno = ENODEV;
      return false;
    }
    if (::ioctl(socket.get(), SIOCGIFNAME, &interface) != 0) return false;
  }
  v6.sin6_scope_id = static_cast<std::uint32_t>(interface.ifr_ifindex);
  std::memcpy(&address.storage, &v6, sizeof v6);
  return true;
}

/// Whether an interface in the socket's namespace has this IPv4 address.
bool has_v4_address(const Descriptor& socket, const IpAddress& address) {
  ifconf list{};
  if (::ioctl(socket.get(), SIOCGIFCONF, &list) != 0) return false;
  std::vector<ifreq> interfaces(static_cast<std::size_t>(list.ifc_len) / sizeof(ifreq));
  list.ifc_req = interfaces.data();
  if (::ioctl(socket.get(), SIOCGIFCONF, &list) != 0) return false;
  interfaces.resize(static_cast<std::size_t>(list.ifc_len) / sizeof(ifreq));
  return std::ranges::any_of(interfaces, [&](const ifreq& each) {
    sockaddr_storage storage{};
    std::memcpy(&storage, &each.ifr_addr, sizeof each.ifr_addr);
    return to_endpoint(storage).address == address;
  });
}

std::expected<Descriptor, std::error_code> connected_socket(SocketKind kind,
                                                            const RemoteEndpoint& server) noexcept {
  const bool v4 = server.address.is_v4();
  Descriptor socket = make_socket(kind, v4);
  if (!socket || !prepare_upstream(kind, socket, v4)) return system_code();
  SocketAddress address = to_sockaddr(server);
  if (!server.zone.empty() && !set_zone(socket, server.zone, address)) return system_code();
  if (::connect(socket.get(), address.get(), address.length) != 0 && errno != EINPROGRESS) {
    return system_code();
  }
  return socket;
}

}  // namespace

std::string_view name_of(SocketKind kind) noexcept {
  return kind == SocketKind::kUdp ? "udp" : "tcp";
}

SocketAddress to_sockaddr(const Endpoint& endpoint) noexcept {
  SocketAddress result;
  const Bytes bytes = endpoint.address.bytes();
  if (endpoint.address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    std::memcpy(&v4.sin_addr, bytes.data(), sizeof v4.sin_addr);
    std::memcpy(&result.storage, &v4, sizeof v4);
    result.length = sizeof v4;
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    std::memcpy(&v6.sin6_addr, bytes.data(), sizeof v6.sin6_addr);
    std::memcpy(&result.storage, &v6, sizeof v6);
    result.length = sizeof v6;
  }
  return result;
}

Endpoint to_endpoint(const sockaddr_storage& storage) noexcept {
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof v4);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    return {IpAddress::v4(bytes), ntohs(v4.sin_port)};
  }
  if (storage.ss_family != AF_INET6) return {};
  sockaddr_in6 v6{};
  std::memcpy(&v6, &storage, sizeof v6);
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  return {IpAddress::v6(bytes), ntohs(v6.sin6_port)};
}

std::string ListenAddress::to_string() const {
  std::string text =
      interface.empty() ? endpoint.to_string() : fmt::format("{}:{}", interface, endpoint.port);
  if (!netns.own()) text += '@' + netns.text();
  return text;
}

Result<Descriptor> open_listener(SocketKind kind, const ListenAddress& at, Sharing sharing) {
  if (const Broker* const broker = Broker::active()) {
    return broker->open_listener(kind, at, sharing);
  }
  const bool shared = sharing == Sharing::kWorkers;
  Descriptor socket;
  int error = 0;
  const Result<void> entered = in_netns(at.netns, [&] {
    socket = bound_socket(kind, at, shared && kind == SocketKind::kTcp, shared);
    const bool ready =
        socket && (kind == SocketKind::kUdp || ::listen(socket.get(), kBacklog) == 0);
    error = ready ? 0 : errno;
  });
  if (!entered) return fail(fmt::format("{}: {}", at.to_string(), entered.error().message));
  if (error != 0) return fail(advice(error, kind, at));
  return socket;
}

Result<void> prepare_listener(SocketKind kind, const Descriptor& socket, const ListenAddress& at) {
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags == -1 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0 ||
      !set_options(kind, socket, at) ||
      (kind == SocketKind::kTcp && !listens(socket) && ::listen(socket.get(), kBacklog) != 0)) {
    return fail(advice(errno, kind, at));
  }
  return {};
}

Endpoint local_endpoint(const Descriptor& socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return to_endpoint(storage);
}

std::uint16_t local_port(const Descriptor& socket) { return local_endpoint(socket).port; }

Result<void> probe_free(SocketKind kind, const ListenAddress& at) {
  int error = 0;
  const Result<void> entered = in_netns(at.netns, [&] {
    error = bound_socket(kind, at, kind == SocketKind::kTcp, false) ? 0 : errno;
  });
  if (!entered) return fail(fmt::format("{}: {}", at.to_string(), entered.error().message));
  if (error != 0) return fail(advice(error, kind, at));
  return {};
}

std::expected<Descriptor, std::error_code> open_upstream_socket(SocketKind kind,
                                                                const RemoteEndpoint& server,
                                                                const NetnsRef& netns) {
  if (const Broker* const broker = Broker::active(); broker != nullptr && !netns.own()) {
    return broker->open_upstream_socket(kind, server, netns);
  }
  std::expected<Descriptor, std::error_code> socket;
  const Result<void> entered = in_netns(netns, [&] { socket = connected_socket(kind, server); });
  if (!entered) return std::unexpected(make_error_code(std::errc::network_unreachable));
  return socket;
}

bool is_own_address(const RemoteEndpoint& server, const NetnsRef& netns) {
  if (server.address.is_loopback()) return true;
  const auto socket = open_upstream_socket(SocketKind::kUdp, server, netns);
  if (!socket) return is_local_lack(socket.error().value());
  // The source for an address of our own is that address; in IPv4 it may also be another address
  // of the same network.
  return local_endpoint(*socket).address == server.address ||
         (server.address.is_v4() && has_v4_address(*socket, server.address));
}

bool is_local_lack(int error) noexcept {
  switch (error) {
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case ENOSPC:
    case ETOOMANYREFS:
      return true;
    default:
      return false;
  }
}

void let_receives_wait(int socket) noexcept {
  // Shorter than a tick, so rounded up to one: a finer clock would cost more than the wait saves.
  const timeval tick{.tv_sec = 0, .tv_usec = 1};
  if (::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof tick) != 0) return;
  int off = 0;
  (void)::ioctl(socket, FIONBIO, &off);
}

std::uint32_t dropped_messages(int socket) noexcept {
  std::array<std::uint32_t, SK_MEMINFO_VARS> values{};
  socklen_t size = sizeof values;
  (void)::getsockopt(socket, SOL_SOCKET, SO_MEMINFO, values.data(), &size);
  return values[SK_MEMINFO_DROPS];
}

unsigned interface_index(const std::string& name, const NetnsRef& netns) {
  if (const Broker* const broker = Broker::active(); broker != nullptr && !netns.own()) {
    return broker->interface_index(name, netns);
  }
  unsigned index = 0;
  const Result<void> entered = in_netns(netns, [&] { index = ::if_nametoindex(name.c_str()); });
  return entered ? index : 0;
}

}  // namespace nxgate::sys
