// Making sockets, and addresses as the kernel wants them.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/error.h"
#include "sys/descriptor.h"
#include "sys/netns.h"

namespace nxgate::sys {

/// A socket address of either family with its length.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* get() const noexcept {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
};
[[nodiscard]] SocketAddress to_sockaddr(const Endpoint& endpoint) noexcept;
[[nodiscard]] Endpoint to_endpoint(const sockaddr_storage& storage) noexcept;

/// Where a server listens.
struct ListenAddress {
  Endpoint endpoint;      ///< with `interface`, the wildcard of either family
  std::string interface;  ///< SO_BINDTODEVICE; empty for any
  NetnsRef netns;
  bool freebind = false;  ///< IP_FREEBIND: the address need not be there yet

  /// Whether one socket stands for many addresses, so that a reply must be told which one to leave
  /// from (UdpBatch::receive).
  [[nodiscard]] bool wildcard() const noexcept { return endpoint.address.is_unspecified(); }

  /// As the operator writes it: `127.0.0.1:53`, `eth1:53`, `127.0.0.1:53@/run/netns/web`.
  [[nodiscard]] std::string to_string() const;
  bool operator==(const ListenAddress&) const = default;
};

enum class SocketKind : std::uint8_t { kUdp, kTcp };

/// `udp`, `tcp`.
[[nodiscard]] std::string_view name_of(SocketKind kind) noexcept;

/// Who else may bind the same port.
enum class Sharing : std::uint8_t {
  kWorkers,  ///< SO_REUSEPORT: each worker has a socket of its own
  kNobody,   ///< neither SO_REUSEPORT nor SO_REUSEADDR: not even another process of our own user
};

/// Opens a non-blocking listening socket inside its namespace: IP(V6)_PKTINFO on a wildcard UDP
/// socket so that it can answer from the address that was asked, IPV6_V6ONLY, TCP
/// with a backlog and TCP_NODELAY, which connections inherit. Errors say what to do: a taken port,
/// a port below 1024 without permission, an address or interface that isn't there.
[[nodiscard]] Result<Descriptor> open_listener(SocketKind kind, const ListenAddress& at,
                                               Sharing sharing);

/// Gives a socket that is already bound to `at` the options of open_listener, and listens if it
/// doesn't yet.
[[nodiscard]] Result<void> prepare_listener(SocketKind kind, const Descriptor& socket,
                                            const ListenAddress& at);

/// Where a socket is bound; port 0 if it isn't.
[[nodiscard]] Endpoint local_endpoint(const Descriptor& socket);
/// The port that a socket is bound to.
[[nodiscard]] std::uint16_t local_port(const Descriptor& socket);

/// Checks that no other program serves there: binds once without SO_REUSEPORT and closes again.
/// With SO_REUSEPORT another program of the same user could silently share our port. Call before
/// the first open_listener; the errors are those of open_listener.
[[nodiscard]] Result<void> probe_free(SocketKind kind, const ListenAddress& at);

/// Opens a non-blocking UDP socket connected to `server`, from a random port by CSPRNG (RFC 5452
/// section 9.2); or begins a TCP connection (EINPROGRESS is success). Inside `netns`;
/// one that is missing counts as ENETUNREACH, and a zone that is no interface there is ENODEV. ICMP
/// errors of the path, EHOSTUNREACH too, are reported by the next call on the socket (IP_RECVERR);
/// ICMP can't change its packet size (RFC 9715).
[[nodiscard]] std::expected<Descriptor, std::error_code> open_upstream_socket(
    SocketKind kind, const RemoteEndpoint& server, const NetnsRef& netns);

/// Whether what is sent there from inside the namespace comes back to it: the address is one of
/// its own. Sends nothing. If that can't be found out it isn't, unless for want of descriptors or
/// memory: then nothing is to rest on it.
[[nodiscard]] bool is_own_address(const RemoteEndpoint& server, const NetnsRef& netns);

/// Whether an errno means a local lack of descriptors, memory or buffers, not a network error.
[[nodiscard]] bool is_local_lack(int error) noexcept;

/// Lets a receive without MSG_DONTWAIT wait for a message, for a tick of the kernel's (some
/// milliseconds) at most; where no limit can be set it still won't wait. Whoever waits for the
/// socket by Asio takes that back.
void let_receives_wait(int socket) noexcept;

/// How many messages the kernel has dropped at a UDP socket so far, for want of room above all.
[[nodiscard]] std::uint32_t dropped_messages(int socket) noexcept;

/// Index of the interface in that namespace; 0 when it isn't there.
[[nodiscard]] unsigned interface_index(const std::string& name, const NetnsRef& netns);

}  // namespace nxgate::sys
