#include "netfilter/firewall_rules.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <netinet/icmp6.h>
#include <netinet/in.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>

#include "base/address.h"
#include "base/clock.h"
#include "netfilter/batch.h"
#include "netfilter/firewall_layout.h"
#include "netfilter/frames.h"
#include "netfilter/messages.h"
#include "netfilter/neighbours.h"
#include "netfilter/priorities.h"
#include "netfilter/rule.h"
#include "netfilter/sources.h"

namespace nxgate::netfilter {
namespace {

/// After the gate's guard.
constexpr std::int32_t kPriority = NF_IP_PRI_FILTER + 1;

constexpr Milliseconds kNotedLife{60'000};
constexpr std::array<std::uint8_t, 2> kTcpAndUdp{IPPROTO_TCP, IPPROTO_UDP};
/// Of IPv4 and of IPv6.
constexpr std::array<std::uint8_t, 2> kErrors{IPPROTO_ICMP, IPPROTO_ICMPV6};
constexpr std::array<std::uint16_t, 2> kDnsPorts{53, 853};
constexpr std::uint32_t kTcpFlagsAt = 13;
constexpr std::array<std::uint8_t, 1> kReset{4};
constexpr std::array<std::uint8_t, 1> kSyn{2};
constexpr std::array<std::uint8_t, 1> kSynAndAck{2 | 16};
constexpr std::uint32_t kCodeAt = 1;
constexpr std::array<std::uint8_t, 1> kUnknownProtocol{ICMP6_PARAMPROB_NEXTHEADER};

void close_dns(Messages& messages, const Layout& layout) {
  for (const std::uint8_t protocol : kTcpAndUdp) {
    for (const std::uint16_t port : kDnsPorts) {
      Rule(messages, layout.openings).protocol(protocol).to_port(port).go_to(layout.refuse.name);
    }
  }
}

void note_ports(Messages& messages, const Chain& chain, const Set& set, bool ipv6) {
  for (const std::uint8_t protocol : kTcpAndUdp) {
    Rule(messages, chain).protocol(protocol).note_in(set.name, ipv6, true, kNotedLife);
  }
}

/// Errors about flows; on a host those that a client of ours has part in, since anybody can quote
/// anybody's.
void accept_errors(Messages& messages, const Layout& layout, const FirewallRules& rules) {
  const auto accept = [&](std::uint8_t protocol, const auto& of) {
    Rule rule(messages, layout.judge);
    of(rule.protocol(protocol).related());
    rule.accept();
  };
  if (rules.clients.empty()) {
    for (const std::uint8_t protocol : kErrors) accept(protocol, [](Rule&) {});
  }
  for (const Prefix& client : rules.clients) {
    for (const Way way : {Way::kForth, Way::kBack}) {
      accept(client.address().is_v4() ? kErrors.front() : kErrors.back(), [&](Rule& rule) {
        rule.flow_from(way, client);
        for (const Prefix& other : rules.others) {
          const bool inside = client.length() < other.length() && client.contains(other.address());
          if (inside) rule.flow_not_from(way, other);
        }
      });
    }
  }
}

/// Each checked port, or once nothing if all are.
void for_each_checked(const CheckedConnections& checked,
                      const std::function<void(std::optional<std::uint16_t>)>& action) {
  if (checked.all) return action(std::nullopt);
  for (const std::uint16_t port : checked.ports) action(port);
}

/// TCP to this port, or to any.
Rule& checked_tcp(Rule& rule, std::optional<std::uint16_t> port) {
  rule.protocol(IPPROTO_TCP);
  return port ? rule.to_port(*port) : rule;
}

/// Of what `which` says too, at a checked port only what we connect to ourselves is judged further.
void keep_to_checks(Messages& messages, const Layout& layout, const Chain& chain,
                    const CheckedConnections& checked, const std::function<void(Rule&)>& which) {
  for_each_checked(checked, [&](std::optional<std::uint16_t> port) {
    for (const Sets& sets : layout.sets) {
      Rule rule(messages, chain);
      which(checked_tcp(rule, port));
      rule.flow_not_in(sets.onward.name, sets.ipv6).go_to(layout.refuse.name);
    }
  });
}

/// A flow that is known first, since most packets are of one.
void add_judgement(Messages& messages, const Layout& layout, const FirewallRules& rules,
                   const std::vector<Prefix>& networks) {
  // Each connection begins with a SYN. What conntrack still knows of one that has ended, ours as
  // well, would have another with its ports pass as that.
  keep_to_checks(messages, layout, layout.judge, rules.checked, [](Rule& rule) {
    rule.bits(Part::kMessage, kTcpFlagsAt, kSynAndAck, kSyn).destination_is_not(RTN_LOCAL);
  });
  Rule(messages, layout.judge).established().accept();
  accept_errors(messages, layout, rules);
  // A reset of ours to who is behind; nothing else is related by TCP.
  Rule(messages, layout.judge)
      .protocol(IPPROTO_TCP)
      .related()
      .bits(Part::kMessage, kTcpFlagsAt, kReset, kReset)
      .accept();
  Rule(messages, layout.judge).destination_is(RTN_LOCAL).accept();
  Rule(messages, layout.judge).protocol(IPPROTO_ICMPV6).go_to(layout.neighbours.name);
  Rule(messages, layout.judge).go_to(layout.openings.name);
  accept_neighbours(messages, layout.neighbours, networks);
  Rule(messages, layout.neighbours).go_to(layout.openings.name);
}

void add_openings(Messages& messages, const Layout& layout, const FirewallRules& rules,
                  const std::vector<Prefix>& networks) {
  keep_to_checks(messages, layout, layout.openings, rules.checked, [](Rule&) {});
  if (rules.checked.all) {
    Rule(messages, layout.openings).protocol_is_not(IPPROTO_TCP).go_to(layout.refuse.name);
  }
  for (const FirewallRules::Opening& opening : rules.always) {
    Rule rule(messages, layout.openings);
    rule.to(opening.to);
    if (opening.port) rule.protocol(opening.port->protocol).to_port(opening.port->number);
    rule.accept();
  }
  for (const Prefix& range : rules.never) {
    Rule(messages, layout.openings).to(range).go_to(layout.refuse.name);
  }
  close_dns(messages, layout);
  for (const std::uint16_t port : rules.checked.refused_udp) {
    Rule(messages, layout.openings).protocol(IPPROTO_UDP).to_port(port).go_to(layout.refuse.name);
  }
  for (const Sets& sets : layout.sets) {
    if (rules.notes_flows) note_ports(messages, layout.openings, sets.flows, sets.ipv6);
    Rule(messages, layout.openings).to_any_in(sets.open.name, sets.ipv6).accept();
    Rule(messages, layout.openings).to_port_in(sets.open.name, sets.ipv6).accept();
  }
  if (rules.networks) {
    for (const Prefix& network : networks) Rule(messages, layout.openings).to(network).accept();
  }
  Rule(messages, layout.openings).go_to(layout.refuse.name);
}

void add_refusal(Messages& messages, const Layout& layout, bool audit) {
  for (const Sets& sets : layout.sets) {
    note_ports(messages, layout.refuse, sets.refused, sets.ipv6);
    Rule(messages, layout.refuse)
        .protocol_is_not(IPPROTO_TCP)
        .protocol_is_not(IPPROTO_UDP)
        .note_in(sets.refused.name, sets.ipv6, false, kNotedLife);
  }
  if (audit) return Rule(messages, layout.refuse).accept();
  Rule(messages, layout.refuse).protocol(IPPROTO_TCP).reset();
  Rule(messages, layout.refuse).reject(NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
}

/// Noted by the source: it is to there that the answers would go. An error would take the packet
/// there as well, so there is none.
void add_forged(Messages& messages, const Layout& layout, bool audit) {
  for (const Sets& sets : layout.sets) {
    for (const std::uint8_t protocol : kTcpAndUdp) {
      Rule(messages, layout.forged)
          .protocol(protocol)
          .note_source_in(sets.refused.name, sets.ipv6, true, kNotedLife);
    }
    Rule(messages, layout.forged)
        .protocol_is_not(IPPROTO_TCP)
        .protocol_is_not(IPPROTO_UDP)
        .note_source_in(sets.refused.name, sets.ipv6, false, kNotedLife);
  }
  Rule verdict(messages, layout.forged);
  audit ? verdict.accept() : verdict.drop();
}

/// The kernel reads options for each hop before any rule has seen the packet, and tells of those it
/// doesn't know to a source that may be forged. An unknown protocol it finds only behind the rules.
void add_errors(Batch& batch, const Layout& layout, bool audit) {
  batch.add_chain(layout.errors, {"filter", NF_INET_LOCAL_OUT, kPriority});
  batch.delete_rules(layout.errors);
  if (audit) return;
  Rule(batch.messages(), layout.errors)
      .protocol(IPPROTO_ICMPV6)
      .icmp_type(ICMP6_PARAM_PROB)
      .octets_are_not(Part::kMessage, kCodeAt, kUnknownProtocol)
      .drop();
}

/// Of clients (true) and of others, in the order in which they decide: the longest first. None of
/// others without clients.
std::vector<std::pair<Prefix, bool>> ranges_of(const FirewallRules& rules) {
  std::vector<std::pair<Prefix, bool>> ranges;
  if (rules.clients.empty()) return ranges;
  ranges.reserve(rules.clients.size() + rules.others.size());
  for (const Prefix& each : rules.clients) ranges.emplace_back(each, true);
  for (const Prefix& each : rules.others) ranges.emplace_back(each, false);
  std::ranges::sort(ranges, std::greater(), [](const auto& range) {
    return std::pair(range.first.length(), range.second);
  });
  return ranges;
}

/// Of whom clients and others claim ranges, the longest decides; what comes in by a link of clients
/// and is of nobody is judged as well.
void add_clients(Batch& batch, const Layout& layout, const FirewallRules& rules,
                 std::span<const std::string> links) {
  Messages& messages = batch.messages();
  for (const auto& [prefix, judged] : ranges_of(rules)) {
    Rule rule(messages, layout.forward);
    rule.from(prefix);
    judged ? rule.go_to(layout.judge.name) : rule.accept();
  }
  for (const std::string& link : links) {
    Rule(messages, layout.forward).in_by(link).go_to(layout.judge.name);
  }
  add_source_rules(batch, layout.sources, links);
  add_errors(batch, layout, rules.audit);
}

/// What is open and checked is redirected; the order is that of the openings. Where there is no
/// listener it stays as it is, and is refused.
void add_redirects(Messages& messages, const Layout& layout, const FirewallRules& rules,
                   const std::vector<Prefix>& networks) {
  const auto listener_of = [&](bool v4) {
    return v4 ? rules.checked.listener4 : rules.checked.listener6;
  };
  const auto redirect = [&](bool v4, const auto& of) {
    if (listener_of(v4) == 0) return;
    Rule rule(messages, layout.checked);
    of(rule);
    rule.redirect(listener_of(v4));
  };
  for (const Sets& sets : layout.sets) {
    Rule(messages, layout.checked).flow_in(sets.onward.name, sets.ipv6).leave();
    Rule(messages, layout.checked).to_port_in(sets.unreachable.name, sets.ipv6).leave();
  }
  Rule(messages, layout.checked).destination_is(RTN_LOCAL).leave();
  if (rules.checked.all) {  // DNS is the gate's
    for (const std::uint16_t port : kDnsPorts) {
      Rule(messages, layout.checked).protocol(IPPROTO_TCP).to_port(port).leave();
    }
  }
  for (const FirewallRules::Opening& opening : rules.always) {
    if (opening.port && opening.port->protocol != IPPROTO_TCP) continue;
    redirect(opening.to.address().is_v4(), [&](Rule& rule) {
      rule.protocol(IPPROTO_TCP).to(opening.to);
      if (opening.port) rule.to_port(opening.port->number);
    });
  }
  for (const Prefix& range : rules.never) Rule(messages, layout.checked).to(range).leave();
  for (const Sets& sets : layout.sets) {
    redirect(!sets.ipv6,
             [&](Rule& rule) { rule.protocol(IPPROTO_TCP).to_any_in(sets.open.name, sets.ipv6); });
    redirect(!sets.ipv6,
             [&](Rule& rule) { rule.protocol(IPPROTO_TCP).to_port_in(sets.open.name, sets.ipv6); });
  }
  if (!rules.networks) return;
  for (const Prefix& network : networks) {
    redirect(network.address().is_v4(),
             [&](Rule& rule) { rule.protocol(IPPROTO_TCP).to(network); });
  }
}

/// NAT is asked of the first packet of a flow alone.
void add_checks(Batch& batch, const Layout& layout, const FirewallRules& rules,
                const std::vector<Prefix>& networks) {
  Messages& messages = batch.messages();
  batch.add_chain(layout.checked);
  batch.delete_rules(layout.checked);
  const bool of_clients = !rules.clients.empty();
  batch.add_chain(layout.names_behind, {"nat", NF_INET_PRE_ROUTING, kBeforeDocker});
  batch.delete_rules(layout.names_behind);
  if (!of_clients) {
    batch.add_chain(layout.names, {"nat", NF_INET_LOCAL_OUT, kBeforeDocker});
    batch.delete_rules(layout.names);
  }
  if (rules.audit || !rules.checked.any()) return;
  add_redirects(messages, layout, rules, networks);
  // What a neighbour sends through here to where we would send it ourselves isn't from behind.
  if (!of_clients) Rule(messages, layout.names_behind).turns_back().leave();
  for_each_checked(rules.checked, [&](std::optional<std::uint16_t> port) {
    if (!of_clients) {
      for (const Chain& chain : {layout.names, layout.names_behind}) {
        Rule rule(messages, chain);
        checked_tcp(rule, port).go_to(layout.checked.name);
      }
    }
    for (const auto& [prefix, judged] : ranges_of(rules)) {
      Rule rule(messages, layout.names_behind);
      checked_tcp(rule.from(prefix), port);
      judged ? rule.go_to(layout.checked.name) : rule.leave();
    }
  });
}

/// Whose first packets may begin a flow, and what of it all is judged.
void add_hooks(Batch& batch, const Layout& layout, const FirewallRules& rules,
               std::span<const std::string> links) {
  batch.add_chain(layout.forward, {"filter", NF_INET_FORWARD, kPriority});
  batch.delete_rules(layout.forward);
  if (!rules.clients.empty()) return add_clients(batch, layout, rules, links);
  Messages& messages = batch.messages();
  // Its sender is in here, and past what is sent: by lo with a frame of its own.
  Rule(messages, layout.forward).in_by("lo").go_to(layout.forged.name);
  Rule(messages, layout.forward).go_to(layout.judge.name);
  batch.add_chain(layout.output, {"filter", NF_INET_LOCAL_OUT, kPriority});
  batch.delete_rules(layout.output);
  Rule(messages, layout.output).go_to(layout.judge.name);
  add_source_rules(batch, layout.sources);
}

}  // namespace

void add_rules(Batch& batch, const Layout& layout, const FirewallRules& rules,
               const Surroundings& around) {
  for (const Chain& chain :
       {layout.judge, layout.neighbours, layout.openings, layout.refuse, layout.forged}) {
    batch.add_chain(chain);
    batch.delete_rules(chain);
  }
  add_refusal(batch.messages(), layout, rules.audit);
  add_forged(batch.messages(), layout, rules.audit);
  add_judgement(batch.messages(), layout, rules, around.networks.all);
  add_openings(batch.messages(), layout, rules, around.networks.lasting);
  add_checks(batch, layout, rules, around.networks.lasting);
  add_hooks(batch, layout, rules, around.clients.theirs);
}

Batch packet_rules(const Layout& layout, const std::vector<std::string>& links,
                   std::uint32_t flags) {
  Batch batch;
  batch.replace_table(layout.netdev, flags, {});
  if (links.empty()) return batch;
  batch.add_chain(layout.packets, {"filter", NF_NETDEV_EGRESS, kPriority, links});
  Messages& messages = batch.messages();
  accept_routed(messages, layout.packets);
  accept_arp(messages, layout.packets);
  accept_bridged(messages, layout.packets);
  Rule(messages, layout.packets).drop();
  return batch;
}

}  // namespace nxgate::netfilter
