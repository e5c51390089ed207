// Sockets of a relay: where a connection was meant to go, and another one to there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <system_error>
#include <vector>

#include "base/address.h"
#include "sys/descriptor.h"
#include "sys/netns.h"
#include "sys/socket.h"

namespace nxgate::sys {

/// Of one call to open_sockets.
inline constexpr std::size_t kMostSockets = 16;

enum class Family : std::uint8_t { kIpv4, kIpv6 };

/// So many non-blocking sockets of that namespace, neither bound nor connected. A namespace that is
/// missing counts as ENETUNREACH.
[[nodiscard]] std::expected<std::vector<Descriptor>, std::error_code> open_sockets(
    SocketKind kind, Family family, std::size_t count, const NetnsRef& netns);

/// Binds a TCP socket to a random port, which is nobody else's as long as it is open. The result is
/// where a connection from it to `to` will come from: the address that the routes of its namespace
/// choose, and that port. `route` is a UDP socket of the same namespace that nobody else uses
/// meanwhile.
[[nodiscard]] std::expected<Endpoint, std::error_code> bind_towards(const Endpoint& to,
                                                                    const Descriptor& socket,
                                                                    const Descriptor& route);

/// Where a connection that was redirected to us was meant to go; `own`, our own end, if it wasn't
/// redirected, or if that isn't known any more.
[[nodiscard]] Endpoint original_destination(const Descriptor& connection, const Endpoint& own);

}  // namespace nxgate::sys
