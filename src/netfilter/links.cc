#include "netfilter/links.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <vector>

#include <fmt/core.h>
#include <net/if.h>
#include <sys/socket.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "helper/netlink_check.h"
#include "netfilter/messages.h"
#include "netfilter/socket.h"
#include "sys/netns.h"

namespace nxgate::netfilter {
namespace {

/// Calls `each` for all that the namespace has of a kind, with the header and the attributes.
template <class Header>
void list(Socket& socket, std::uint16_t type,
          const std::function<void(const Header&, Bytes attributes)>& each) {
  Messages request;
  {
    const Header header{};
    const auto message = request.message(type, NLM_F_DUMP, bytes_of(header));
  }
  (void)socket.dump(request, [&each](std::uint16_t, Bytes body) {
    if (body.size() < sizeof(Header)) return;
    Header header{};
    std::memcpy(&header, body.data(), sizeof header);
    each(header, body.subspan(std::min(NLMSG_ALIGN(sizeof header), body.size())));
  });
}

std::string name_in(Bytes attributes) {
  std::string name;
  for_each_attribute(attributes, [&name](std::uint16_t type, Bytes value) {
    const std::string_view text(reinterpret_cast<const char*>(value.data()), value.size());
    if (type == IFLA_IFNAME) name = text.substr(0, text.find('\0'));
  });
  return name;
}

/// The address of the link itself, which with a tunnel isn't the one at its other end.
std::optional<IpAddress> address_in(Bytes attributes) {
  std::optional<IpAddress> address;
  for_each_attribute(attributes, [&address](std::uint16_t type, Bytes value) {
    if (type == IFA_LOCAL || (type == IFA_ADDRESS && !address)) {
      address = IpAddress::from_bytes(value);
    }
  });
  return address;
}

/// The network in which an address with this many leading bits stands.
std::optional<Prefix> network_of(const IpAddress& address, std::size_t length) {
  std::array<std::uint8_t, 16> bytes{};
  const Bytes all = address.bytes();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::size_t kept = std::min<std::size_t>(8, length - std::min(length, 8 * i));
    bytes[i] = static_cast<std::uint8_t>(all[i] & (0xff00U >> kept));
  }
  const auto network = IpAddress::from_bytes(Bytes(bytes).first(all.size()));
  return network ? Prefix::parse(network->to_string() + '/' + std::to_string(length))
                 : std::nullopt;
}

/// Calls `each` with the index of every link that a route uses.
void for_each_link(Bytes attributes, const std::function<void(unsigned)>& each) {
  for_each_attribute(attributes, [&each](std::uint16_t type, Bytes value) {
    unsigned index = 0;
    if (type == RTA_OIF && value.size() == sizeof index) {
      std::memcpy(&index, value.data(), sizeof index);
      each(index);
    }
    rtnexthop hop{};
    while (type == RTA_MULTIPATH && value.size() >= sizeof hop) {
      std::memcpy(&hop, value.data(), sizeof hop);
      each(static_cast<unsigned>(hop.rtnh_ifindex));
      if (hop.rtnh_len < sizeof hop) return;
      value = value.subspan(std::min<std::size_t>(RTNH_ALIGN(hop.rtnh_len), value.size()));
    }
  });
}

/// Where a route leads; nothing if it isn't one to other hosts.
std::optional<Prefix> destination_of(const rtmsg& route, Bytes attributes) {
  if (route.rtm_type != RTN_UNICAST || route.rtm_table == RT_TABLE_LOCAL) return std::nullopt;
  std::optional<IpAddress> address =
      route.rtm_family == AF_INET ? IpAddress::v4({}) : IpAddress::v6({});
  for_each_attribute(attributes, [&address](std::uint16_t type, Bytes value) {
    if (type == RTA_DST) address = IpAddress::from_bytes(value);
  });
  return address ? network_of(*address, route.rtm_dst_len) : std::nullopt;
}

bool overlap(const Prefix& left, const Prefix& right) {
  return left.contains(right.address()) || right.contains(left.address());
}

void sort_once(std::vector<Prefix>& networks) {
  std::ranges::sort(networks, {}, [](const Prefix& prefix) {
    return std::tuple(prefix.address(), prefix.length());
  });
  const auto again = std::ranges::unique(networks);
  networks.erase(again.begin(), again.end());
}

}  // namespace

Result<std::vector<Link>> all_links_of(const sys::NetnsRef& netns) {
  auto socket = Socket::open(NETLINK_ROUTE, netns);
  if (!socket) return std::unexpected(socket.error());
  std::vector<Link> links;
  list<ifinfomsg>(*socket, RTM_GETLINK, [&links](const ifinfomsg& link, Bytes attributes) {
    links.push_back({.index = static_cast<std::uint32_t>(link.ifi_index),
                     .name = name_in(attributes),
                     .up = (link.ifi_flags & IFF_UP) != 0});
  });
  return links;
}

std::vector<std::string> links_of(const sys::NetnsRef& netns) {
  std::vector<std::string> names;
  const auto links = all_links_of(netns);
  if (!links) return names;
  for (const Link& link : *links) {
    if (link.index != helper::kLoopbackLink) names.push_back(link.name);
  }
  return names;
}

Result<bool> bring_up_lo(const sys::NetnsRef& netns) {
  auto socket = Socket::open(NETLINK_ROUTE, netns);
  if (!socket) return std::unexpected(socket.error());
  if (!socket->is_down("lo")) return false;
  Messages request;
  {
    const auto message = request.message(RTM_NEWLINK, NLM_F_ACK, bytes_of(helper::loopback_up()));
  }
  const std::error_code error = socket->transact(request);
  if (!error) return true;
  return fail(fmt::format("cannot bring up lo in {}: {}", netns.text(), error.message()));
}

Networks networks_of(const sys::NetnsRef& netns) {
  Networks networks;
  auto socket = Socket::open(NETLINK_ROUTE, netns);
  if (!socket) return networks;
  std::set<unsigned> loopback;
  list<ifinfomsg>(*socket, RTM_GETLINK, [&loopback](const ifinfomsg& link, Bytes) {
    if ((link.ifi_flags & IFF_LOOPBACK) != 0) {
      loopback.insert(static_cast<unsigned>(link.ifi_index));
    }
  });
  list<ifaddrmsg>(*socket, RTM_GETADDR, [&](const ifaddrmsg& each, Bytes attributes) {
    const auto address = address_in(attributes);
    if (!address || loopback.contains(each.ifa_index)) return;
    const auto network = network_of(*address, each.ifa_prefixlen);
    if (!network) return;
    networks.all.push_back(*network);
    const bool lasts = address->is_v4() || (each.ifa_flags & IFA_F_PERMANENT) != 0;
    if (lasts) networks.lasting.push_back(*network);
  });
  sort_once(networks.all);
  sort_once(networks.lasting);
  return networks;
}

ClientLinks links_towards(const sys::NetnsRef& netns, std::span<const Prefix> ranges) {
  ClientLinks links;
  auto socket = Socket::open(NETLINK_ROUTE, netns);
  if (!socket) return links;
  std::map<unsigned, std::string> names;
  list<ifinfomsg>(*socket, RTM_GETLINK, [&names](const ifinfomsg& link, Bytes attributes) {
    if ((link.ifi_flags & IFF_LOOPBACK) != 0) return;
    names[static_cast<unsigned>(link.ifi_index)] = name_in(attributes);
  });
  std::set<unsigned> clients;
  std::set<unsigned> defaults;
  list<rtmsg>(*socket, RTM_GETROUTE, [&](const rtmsg& route, Bytes attributes) {
    const auto to = destination_of(route, attributes);
    if (!to) return;
    const bool leads =
        std::ranges::any_of(ranges, [&](const auto& each) { return overlap(each, *to); });
    if (to->length() != 0 && !leads) return;
    auto& found = to->length() == 0 ? defaults : clients;
    for_each_link(attributes, [&found](unsigned link) { found.insert(link); });
  });
  for (const auto& [index, name] : names) {
    if (!clients.contains(index)) continue;
    (defaults.contains(index) ? links.shared : links.theirs).push_back(name);
  }
  std::ranges::sort(links.theirs);
  std::ranges::sort(links.shared);
  return links;
}

}  // namespace nxgate::netfilter
