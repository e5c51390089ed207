#include "netfilter/sources.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>

#include "base/address.h"
#include "netfilter/batch.h"
#include "netfilter/messages.h"
#include "netfilter/rule.h"

namespace nxgate::netfilter {
namespace {

/// A header's first octet: its version and its length in words.
constexpr std::array<std::uint8_t, 1> kNoOptions{0x45};
constexpr std::array<std::uint8_t, 1> kOneOption{0x46};
constexpr std::uint32_t kOptionsAt = 20;
constexpr std::array<std::uint8_t, 4> kRouterAlertV4{IPOPT_RA, 4, 0, 0};  // RFC 2113
constexpr std::uint32_t kFragmentAt = 6;
constexpr std::array<std::uint8_t, 2> kMoreOrOffset{0x3f, 0xff};
constexpr std::array<std::uint8_t, 2> kNoFragment{};
/// What changes the routes of whoever believes it.
constexpr std::array<std::uint8_t, 2> kRouterTypes{ND_ROUTER_ADVERT, ND_REDIRECT};

/// The address that is judged is a hop, and not where the packet ends (RFC 791, RFC 5095, RFC
/// 8754). Of IPv4 all options are refused but those of IGMP: what the kernel's expression for them
/// doesn't understand it doesn't find.
void refuse_source_routes(Messages& messages, const Chain& chain, std::string_view forged) {
  Rule(messages, chain)
      .family(NFPROTO_IPV4)
      .protocol_is_not(IPPROTO_IGMP)
      .octets_are_not(Part::kHeader, 0, kNoOptions)
      .go_to(forged);
  Rule(messages, chain)
      .family(NFPROTO_IPV4)
      .octets_are_not(Part::kHeader, 0, kNoOptions)
      .octets_are_not(Part::kHeader, 0, kOneOption)
      .go_to(forged);
  Rule(messages, chain)
      .family(NFPROTO_IPV4)
      .octets_are_not(Part::kHeader, 0, kNoOptions)
      .octets_are_not(Part::kHeader, kOptionsAt, kRouterAlertV4)
      .go_to(forged);
  Rule(messages, chain).has_extension(IPPROTO_ROUTING).go_to(forged);
}

/// By lo, or looped back as multicast, a router is the namespace itself.
void refuse_own_routers(Messages& messages, const Chain& chain, std::string_view forged) {
  Rule(messages, chain)
      .in_by(kLoopback)
      .protocol(IPPROTO_ICMP)
      .icmp_type(ICMP_REDIRECT)
      .go_to(forged);
  for (const std::uint8_t type : kRouterTypes) {
    Rule(messages, chain).in_by(kLoopback).protocol(IPPROTO_ICMPV6).icmp_type(type).go_to(forged);
    Rule(messages, chain)
        .protocol(IPPROTO_ICMPV6)
        .icmp_type(type)
        .source_is(RTN_LOCAL)
        .go_to(forged);
  }
}

/// A host that has no address yet asks whether it may have one.
void accept_search_for_address(Messages& messages, const Chain& chain) {
  Rule(messages, chain).from(*Prefix::parse("::")).protocol(IPPROTO_ICMPV6).accept();
}

void refuse_without_way_back(Messages& messages, const Chain& chain, std::string_view forged) {
  accept_search_for_address(messages, chain);
  Rule(messages, chain).no_way_back().go_to(forged);
}

/// Routing headers are left to `clients`: one may be in a later fragment.
void refuse_fragments_without_way_back(Messages& messages, const SourceChains& chains,
                                       std::string_view link) {
  Rule(messages, chains.fragments)
      .in_by(link)
      .family(NFPROTO_IPV4)
      .bits_are_not(Part::kHeader, kFragmentAt, kMoreOrOffset, kNoFragment)
      .no_way_back()
      .go_to(chains.forged);
  Rule(messages, chains.fragments)
      .in_by(link)
      .has_extension(IPPROTO_FRAGMENT)
      .no_way_back()
      .go_to(chains.forged);
}

void add_arriving(Batch& batch, const SourceChains& chains) {
  batch.add_chain(chains.arriving, {"filter", NF_INET_PRE_ROUTING, NF_IP_PRI_MANGLE});
  batch.delete_rules(chains.arriving);
}

}  // namespace

void add_source_rules(Batch& batch, const SourceChains& chains) {
  Messages& messages = batch.messages();
  add_arriving(batch, chains);
  refuse_source_routes(messages, chains.arriving, chains.forged);
  // Most packets end here. An error may be known and a redirect.
  Rule(messages, chains.arriving)
      .protocol_is_not(IPPROTO_ICMP)
      .protocol_is_not(IPPROTO_ICMPV6)
      .known()
      .accept();
  refuse_own_routers(messages, chains.arriving, chains.forged);
  // Answers whose address was translated, and resets of ours, have the source of somebody else.
  Rule(messages, chains.arriving).known().accept();
  Rule(messages, chains.arriving).in_by(kLoopback).source_is(RTN_LOCAL).accept();
  Rule(messages, chains.arriving).in_by(kLoopback).go_to(chains.forged);
  refuse_without_way_back(messages, chains.arriving, chains.forged);

  batch.add_chain(chains.leaving, {"filter", NF_INET_LOCAL_OUT, NF_IP_PRI_MANGLE});
  batch.delete_rules(chains.leaving);
  // A raw header may name one destination while the packet takes the route to another.
  Rule(messages, chains.leaving)
      .not_out_of(kLoopback)
      .destination_is(RTN_LOCAL)
      .go_to(chains.forged);
  refuse_source_routes(messages, chains.leaving, chains.forged);
  Rule(messages, chains.leaving).known().accept();
  Rule(messages, chains.leaving).source_is(RTN_LOCAL).accept();
  accept_search_for_address(messages, chains.leaving);
  Rule(messages, chains.leaving).go_to(chains.forged);
}

void add_source_rules(Batch& batch, const SourceChains& chains,
                      std::span<const std::string> links) {
  Messages& messages = batch.messages();
  batch.add_chain(chains.clients);
  batch.delete_rules(chains.clients);
  refuse_source_routes(messages, chains.clients, chains.forged);
  // Of a known flow too: it may be another client's, whose source somebody claims here.
  refuse_without_way_back(messages, chains.clients, chains.forged);
  batch.add_chain(chains.fragments, {"filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW_BEFORE_DEFRAG});
  batch.delete_rules(chains.fragments);
  add_arriving(batch, chains);
  for (const std::string& link : links) {
    refuse_fragments_without_way_back(messages, chains, link);
    Rule(messages, chains.arriving).in_by(link).go_to(chains.clients.name);
  }
}

}  // namespace nxgate::netfilter
