#include "netfilter/firewall_layout.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

// The kernel's headers after those of libc, which define the same.
#include <linux/netfilter.h>

#include "base/address.h"
#include "base/bytes.h"
#include "helper/our_tables.h"
#include "netfilter/firewall_rules.h"

namespace nxgate::netfilter {
namespace {

/// The data types of nft(8) for (address, protocol, port).
constexpr std::uint32_t key_type(std::uint32_t address) { return address << 12 | 12U << 6 | 13U; }
constexpr std::uint32_t kIpv4Key = key_type(7);
constexpr std::uint32_t kIpv6Key = key_type(8);
constexpr std::uint32_t kIpv4KeySize = 12;
constexpr std::uint32_t kIpv6KeySize = 24;
/// The same for (address, port, address, port).
constexpr std::uint32_t flow_type(std::uint32_t address) {
  return address << 18 | 13U << 12 | address << 6 | 13U;
}
constexpr std::uint32_t kIpv4Flow = flow_type(7);
constexpr std::uint32_t kIpv6Flow = flow_type(8);
constexpr std::uint32_t kIpv4FlowSize = 16;
constexpr std::uint32_t kIpv6FlowSize = 40;
constexpr std::uint32_t kMostOnward = 16384;
/// Those that ended count until the kernel has collected them.
constexpr std::uint32_t kMostOpen = helper::OurTransaction::kMostElements;

template <std::size_t N>
std::array<std::uint8_t, N> first(Bytes bytes) {
  std::array<std::uint8_t, N> copy{};
  std::memcpy(copy.data(), bytes.data(), N);
  return copy;
}

void append_address(std::vector<std::uint8_t>& key, const IpAddress& address) {
  const Bytes bytes = address.bytes();
  key.insert(key.end(), bytes.begin(), bytes.end());
}

/// In a register of four octets.
void append_port(std::vector<std::uint8_t>& key, std::uint16_t port) {
  key.insert(key.end(),
             {static_cast<std::uint8_t>(port >> 8), static_cast<std::uint8_t>(port), 0, 0});
}

}  // namespace

Layout::Layout(std::string_view name)
    : inet{NFPROTO_INET, name},
      netdev{NFPROTO_NETDEV, name},
      output{NFPROTO_INET, name, "output"},
      errors{NFPROTO_INET, name, "errors"},
      forward{NFPROTO_INET, name, "forward"},
      judge{NFPROTO_INET, name, "judge"},
      neighbours{NFPROTO_INET, name, "neighbours"},
      openings{NFPROTO_INET, name, "openings"},
      refuse{NFPROTO_INET, name, "refuse"},
      forged{NFPROTO_INET, name, "forged"},
      sources{{NFPROTO_INET, name, "fragments"},
              {NFPROTO_INET, name, "arriving"},
              {NFPROTO_INET, name, "clients"},
              {NFPROTO_INET, name, "leaving"},
              forged.name},
      names{NFPROTO_INET, name, "names"},
      names_behind{NFPROTO_INET, name, "names_behind"},
      checked{NFPROTO_INET, name, "checked"},
      packets{NFPROTO_NETDEV, name, "packets"},
      sets{{{{inet, "open4", kIpv4Key, kIpv4KeySize, false, kMostOpen},
             {inet, "refused4", kIpv4Key, kIpv4KeySize, true, kMostNoted},
             {inet, "flows4", kIpv4Key, kIpv4KeySize, true, kMostNoted},
             {inet, "onward4", kIpv4Flow, kIpv4FlowSize, false, kMostOnward},
             {inet, "unreachable4", kIpv4Key, kIpv4KeySize, false, kMostNoted},
             false},
            {{inet, "open6", kIpv6Key, kIpv6KeySize, false, kMostOpen},
             {inet, "refused6", kIpv6Key, kIpv6KeySize, true, kMostNoted},
             {inet, "flows6", kIpv6Key, kIpv6KeySize, true, kMostNoted},
             {inet, "onward6", kIpv6Flow, kIpv6FlowSize, false, kMostOnward},
             {inet, "unreachable6", kIpv6Key, kIpv6KeySize, false, kMostNoted},
             true}}} {}

std::vector<std::uint8_t> key_of(const Destination& to) {
  std::vector<std::uint8_t> key;
  append_address(key, to.address);
  key.insert(key.end(), {to.port.protocol, 0, 0, 0});
  append_port(key, to.port.number);
  return key;
}

std::vector<std::uint8_t> key_of(const Onward& flow) {
  std::vector<std::uint8_t> key;
  for (const Endpoint& each : {flow.from, flow.to}) {
    append_address(key, each.address);
    append_port(key, each.port);
  }
  return key;
}

std::optional<Destination> destination_in(Bytes key, bool ipv6) {
  const std::size_t address = ipv6 ? 16 : 4;
  if (key.size() < address + 8) return std::nullopt;
  Destination to{.address = ipv6 ? IpAddress::v6(first<16>(key)) : IpAddress::v4(first<4>(key)),
                 .port = {.protocol = key[address]}};
  to.port.number = static_cast<std::uint16_t>(key[address + 4] << 8 | key[address + 5]);
  return to;
}

}  // namespace nxgate::netfilter
