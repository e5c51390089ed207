// Which netlink messages the helper sends for a server that an attacker may control.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "helper/our_tables.h"

struct ifinfomsg;
struct rtmsg;

namespace nxgate::helper {

/// What the names of nxgate's tables of nf_tables begin with (our_tables.h); it changes no others.
inline constexpr std::string_view kOurTables = "nxgate";
/// The protocol of nxgate's routes (/etc/iproute2/rt_protos knows no such number).
inline constexpr std::uint8_t kOurRoutes = 153;
/// What a message about such a route begins with: IPv4, any destination, in the table `default`.
[[nodiscard]] const ::rtmsg& our_route() noexcept;
/// What a message that brings up lo says, and nothing else.
[[nodiscard]] const ::ifinfomsg& loopback_up() noexcept;
/// Below every route that somebody else may add to the same table.
inline constexpr std::uint32_t kOurRouteMetric = 0x7fffffff;
/// The index of lo in every namespace, and the address that there is to send from in each.
inline constexpr std::uint32_t kLoopbackLink = 1;
inline constexpr std::array<std::uint8_t, 4> kLoopbackAddress{127, 0, 0, 1};

/// Whether it is one of those that nxgate uses: NETLINK_NETFILTER, NETLINK_ROUTE.
[[nodiscard]] bool is_netlink_of_ours(int protocol) noexcept;

/// Whether these messages to this netlink protocol do nothing but
///
/// - list tables, elements of a table of nxgate's, flows, links, addresses and routes;
/// - change one table of nxgate's as nxgate does it (our_tables.h), with rules of the expressions
///   that nxgate writes;
/// - end one flow;
/// - add or remove a route of nxgate's by lo, in the table `default`;
/// - bring up lo.
/// Every length is checked before use, and anything that the kernel could interpret differently is
/// refused: repeated or unexpected attributes, leftover bytes. Pure; takes time in proportion to
/// the bytes, and no memory.
[[nodiscard]] bool changes_only_ours(int protocol, Place place, Bytes messages) noexcept;

}  // namespace nxgate::helper
