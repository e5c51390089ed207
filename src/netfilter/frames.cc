#include "netfilter/frames.h"

#include <array>
#include <cstdint>
#include <string_view>

#include <net/ethernet.h>

#include "netfilter/messages.h"
#include "netfilter/rule.h"

namespace nxgate::netfilter {
namespace {

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
/// How engines begin the names of links to their containers, and never those inside.
constexpr std::string_view kToContainer = "veth";

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

void accept_bridged(Messages& messages, const Chain& chain) {
  Rule(messages, chain).has_socket().drop();
  Rule(messages, chain).out_of_those_named(kToContainer).received().accept();
}

}  // namespace nxgate::netfilter
