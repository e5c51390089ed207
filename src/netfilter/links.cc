#include "netfilter/links.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/address.h"
#include "sys/netns.h"

namespace nxgate::netfilter {
namespace {

template <std::size_t N>
std::array<std::uint8_t, N> bytes_at(const void* address) {
  std::array<std::uint8_t, N> bytes{};
  std::memcpy(bytes.data(), address, N);
  return bytes;
}

/// The network in which an address with this mask stands.
template <std::size_t N>
Prefix network_of(std::array<std::uint8_t, N> address, const std::array<std::uint8_t, N>& mask,
                  IpAddress (*make)(const std::array<std::uint8_t, N>&) noexcept) {
  unsigned length = 0;
  for (std::size_t i = 0; i < N; ++i) {
    address[i] &= mask[i];
    length += static_cast<unsigned>(std::popcount(mask[i]));
  }
  return *Prefix::parse(make(address).to_string() + '/' + std::to_string(length));
}

std::optional<Prefix> network_of(const ifaddrs& each) {
  if ((each.ifa_flags & IFF_LOOPBACK) != 0 || each.ifa_addr == nullptr ||
      each.ifa_netmask == nullptr) {
    return std::nullopt;
  }
  if (each.ifa_addr->sa_family == AF_INET) {
    return network_of(bytes_at<4>(&reinterpret_cast<sockaddr_in*>(each.ifa_addr)->sin_addr),
                      bytes_at<4>(&reinterpret_cast<sockaddr_in*>(each.ifa_netmask)->sin_addr),
                      &IpAddress::v4);
  }
  if (each.ifa_addr->sa_family == AF_INET6) {
    return network_of(bytes_at<16>(&reinterpret_cast<sockaddr_in6*>(each.ifa_addr)->sin6_addr),
                      bytes_at<16>(&reinterpret_cast<sockaddr_in6*>(each.ifa_netmask)->sin6_addr),
                      &IpAddress::v6);
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> links_of(const sys::NetnsRef& netns) {
  std::vector<std::string> names;
  const Result<void> entered = sys::in_netns(netns, [&names] {
    struct if_nameindex* const all = ::if_nameindex();
    for (const auto* link = all; link != nullptr && link->if_index != 0; ++link) {
      if (std::string_view(link->if_name) != "lo") names.emplace_back(link->if_name);
    }
    ::if_freenameindex(all);
  });
  if (!entered) names.clear();
  return names;
}

std::vector<Prefix> networks_of(const sys::NetnsRef& netns) {
  std::vector<Prefix> networks;
  (void)sys::in_netns(netns, [&networks] {
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return;
    for (const ifaddrs* each = all; each != nullptr; each = each->ifa_next) {
      if (const auto network = network_of(*each)) networks.push_back(*network);
    }
    ::freeifaddrs(all);
  });
  const auto key = [](const Prefix& prefix) {
    return std::tuple(prefix.address(), prefix.length());
  };
  std::ranges::sort(networks, {}, key);
  const auto again = std::ranges::unique(networks);
  networks.erase(again.begin(), again.end());
  return networks;
}

}  // namespace nxgate::netfilter
