#include "netfilter/neighbours.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <netinet/icmp6.h>
#include <netinet/in.h>

#include "base/address.h"
#include "base/bytes.h"
#include "netfilter/messages.h"
#include "netfilter/rule.h"

namespace nxgate::netfilter {
namespace {

constexpr std::uint32_t kHeader = 40;
constexpr std::uint32_t kNextHeaderAt = 6;  // and the hop limit behind it
/// Neighbour discovery with no option, and with one of 8 octets: a link-layer address or a nonce.
constexpr std::array<std::uint32_t, 2> kOptions{0, 8};
constexpr std::uint8_t kNeverForwarded = 255;
constexpr std::uint8_t kOneHop = 1;

/// In front of reports: a router's alert (RFC 2711) and two octets of padding.
constexpr Octets<8> kRouterAlertV6{IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0};
constexpr std::uint8_t kReport2 = 143;  // RFC 3810
constexpr std::uint32_t kMostRecords = 4;
constexpr std::uint32_t kReportHeader = 8;
constexpr std::uint32_t kRecord = 20;
/// Of a record all but its type and the last octets of its group: no auxiliary data, no sources,
/// ff02::1:ff00:0/104.
constexpr Octets<16> kSolicitedNodeRecord{0, 0, 0, 0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
constexpr std::uint32_t kGroupAt = 8;  // of a report of version 1
constexpr auto kSolicitedNode = Bytes(kSolicitedNodeRecord).subspan(3);

const Prefix& solicited_nodes() {
  static const Prefix kPrefix = *Prefix::parse("ff02::1:ff00:0/104");
  return kPrefix;
}

void accept_discovery(Messages& messages, const Chain& chain, std::uint8_t type, std::uint32_t size,
                      std::span<const Prefix> to) {
  for (const Prefix& prefix : to) {
    for (const std::uint32_t option : kOptions) {
      Rule(messages, chain)
          .to(prefix)
          .octets(Part::kHeader, kNextHeaderAt, Octets<2>{IPPROTO_ICMPV6, kNeverForwarded})
          .icmp_type(type)
          .length(kHeader + size + option)
          .accept();
    }
  }
}

/// Begins a rule about a report of so many octets.
void begin_report(Rule& rule, const Prefix& to, std::uint8_t type, std::uint32_t size) {
  rule.to(to)
      .octets(Part::kHeader, kNextHeaderAt, Octets<2>{IPPROTO_HOPOPTS, kOneHop})
      .octets(Part::kHeader, kHeader, kRouterAlertV6)
      .icmp_type(type)
      .length(kHeader + static_cast<std::uint32_t>(kRouterAlertV6.size()) + size);
}

void accept_reports(Messages& messages, const Chain& chain) {
  for (std::uint32_t records = 1; records <= kMostRecords; ++records) {
    Rule rule(messages, chain);
    begin_report(rule, *Prefix::parse("ff02::16"), kReport2, kReportHeader + records * kRecord);
    for (std::uint32_t i = 0; i < records; ++i) {
      rule.octets(Part::kMessage, kReportHeader + i * kRecord + 1, kSolicitedNodeRecord);
    }
    rule.accept();
  }
  for (const auto& [type, to] : {std::pair{MLD_LISTENER_REPORT, solicited_nodes()},
                                 std::pair{MLD_LISTENER_REDUCTION, *Prefix::parse("ff02::2")}}) {
    Rule rule(messages, chain);
    begin_report(rule, to, static_cast<std::uint8_t>(type), sizeof(mld_hdr));
    rule.octets(Part::kMessage, kGroupAt, kSolicitedNode).accept();
  }
}

}  // namespace

void accept_neighbours(Messages& messages, const Chain& chain, std::span<const Prefix> networks) {
  std::vector<Prefix> near{*Prefix::parse("fe80::/10")};
  for (const Prefix& network : networks) {
    if (!network.address().is_v4()) near.push_back(network);
  }
  std::vector<Prefix> solicited = near;
  solicited.push_back(solicited_nodes());
  std::vector<Prefix> advertised = std::move(near);
  advertised.push_back(*Prefix::parse("ff02::1"));
  const std::array<Prefix, 1> routers{*Prefix::parse("ff02::2")};
  accept_discovery(messages, chain, ND_NEIGHBOR_SOLICIT, sizeof(nd_neighbor_solicit), solicited);
  accept_discovery(messages, chain, ND_NEIGHBOR_ADVERT, sizeof(nd_neighbor_advert), advertised);
  accept_discovery(messages, chain, ND_ROUTER_SOLICIT, sizeof(nd_router_solicit), routers);
  accept_reports(messages, chain);
}

}  // namespace nxgate::netfilter
