#include "netfilter/frames.h"

#include <array>
#include <cstdint>

#include <net/ethernet.h>
#include <netinet/in.h>

#include "base/bytes.h"
#include "netfilter/messages.h"
#include "netfilter/rule.h"

namespace nxgate::netfilter {
namespace {

template <std::size_t N>
using Octets = std::array<std::uint8_t, N>;

constexpr Octets<2> big_endian(std::uint16_t number) {
  return {static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)};
}

constexpr std::uint32_t kTypeOffset = 12;
constexpr std::uint32_t kPayload = ETHER_HDR_LEN;
/// Hardware Ethernet, protocol IPv4, addresses of 6 and 4 octets (RFC 826).
constexpr Octets<6> kArpForIpv4{0, 1, 8, 0, 6, 4};
constexpr std::uint32_t kArpOperation = kPayload + 6;
constexpr std::uint32_t kArpLength = kPayload + 28;
constexpr std::uint16_t kMostArpOperation = 2;  // requests are 1, replies 2

/// A header of IP without anything that could move what follows it.
struct Plain {
  std::uint16_t type;
  std::uint8_t version;  ///< the first octet, of which `mask` counts
  std::uint8_t mask;
  std::uint32_t protocol_at;
  std::uint32_t size;
  std::uint8_t icmp;
};
constexpr std::array<Plain, 2> kPlain{{
    {ETHERTYPE_IP, 0x45, 0xff, kPayload + 9, 20, IPPROTO_ICMP},
    {ETHERTYPE_IPV6, 0x60, 0xf0, kPayload + 6, 40, IPPROTO_ICMPV6},
}};
constexpr std::uint32_t kIpv4FragmentAt = kPayload + 6;
constexpr Octets<2> kIpv4FragmentBits{0x3f, 0xff};

/// Begins a rule about such a header with this protocol behind it.
void begin(Rule& rule, const Plain& plain, std::uint8_t protocol) {
  rule.octets(Part::kFrame, kTypeOffset, big_endian(plain.type))
      .bits(Part::kFrame, kPayload, bytes_of(plain.mask), bytes_of(plain.version))
      .octets(Part::kFrame, plain.protocol_at, bytes_of(protocol));
  if (plain.type == ETHERTYPE_IP) {
    rule.bits(Part::kFrame, kIpv4FragmentAt, kIpv4FragmentBits, Octets<2>{});
  }
}

}  // namespace

void accept_routed(Messages& messages, const Chain& chain) {
  Rule(messages, chain).has_route().accept();
}

void accept_arp(Messages& messages, const Chain& chain) {
  Rule(messages, chain)
      .octets(Part::kFrame, kTypeOffset, big_endian(ETHERTYPE_ARP))
      .octets(Part::kFrame, kPayload, kArpForIpv4)
      .octets_at_most(Part::kFrame, kArpOperation, big_endian(kMostArpOperation))
      .length(kArpLength)
      .accept();
}

void accept_plain(Messages& messages, const Chain& chain, std::uint16_t port) {
  for (const Plain& plain : kPlain) {
    for (const std::uint8_t protocol : std::to_array<std::uint8_t>({IPPROTO_UDP, IPPROTO_TCP})) {
      Rule rule(messages, chain);
      begin(rule, plain, protocol);
      rule.octets_are_not(Part::kFrame, kPayload + plain.size + 2, big_endian(port)).accept();
    }
    Rule rule(messages, chain);
    begin(rule, plain, plain.icmp);
    rule.accept();
  }
}

}  // namespace nxgate::netfilter
