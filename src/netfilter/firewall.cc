#include "netfilter/firewall.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <netinet/in.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "netfilter/batch.h"
#include "netfilter/frames.h"
#include "netfilter/gate.h"
#include "netfilter/link_cover.h"
#include "netfilter/links.h"
#include "netfilter/messages.h"
#include "netfilter/neighbours.h"
#include "netfilter/owner.h"
#include "netfilter/rule.h"
#include "netfilter/socket.h"
#include "netfilter/sources.h"
#include "sys/netlink.h"
#include "sys/netlink_check.h"
#include "sys/netns.h"
#include "sys/our_tables.h"

namespace nxgate::netfilter {
namespace {

static_assert(Firewall::kTable.starts_with(sys::kOurTables));
/// After the gate's guard.
constexpr std::int32_t kPriority = NF_IP_PRI_FILTER + 1;

/// The data types of nft(8) for (address, protocol, port).
constexpr std::uint32_t key_type(std::uint32_t address) { return address << 12 | 12U << 6 | 13U; }
constexpr std::uint32_t kIpv4Key = key_type(7);
constexpr std::uint32_t kIpv6Key = key_type(8);
constexpr std::uint32_t kIpv4KeySize = 12;
constexpr std::uint32_t kIpv6KeySize = 24;
constexpr std::uint32_t kMostNoted = 4096;
/// Those that ended count until the kernel has collected them.
constexpr std::uint32_t kMostOpen = sys::OurTransaction::kMostElements;
constexpr Milliseconds kNotedLife{60'000};
/// For so long routes are believed to be as they were; addresses are looked at each time.
constexpr Seconds kRoutesLast{30};

struct Sets {
  Set open;
  Set refused;
  Set flows;
  bool ipv6;
};

/// What stands in the tables of one name.
struct Layout {
  explicit Layout(std::string_view name)
      : inet{NFPROTO_INET, name},
        netdev{NFPROTO_NETDEV, name},
        output{NFPROTO_INET, name, "output"},
        forward{NFPROTO_INET, name, "forward"},
        judge{NFPROTO_INET, name, "judge"},
        neighbours{NFPROTO_INET, name, "neighbours"},
        openings{NFPROTO_INET, name, "openings"},
        refuse{NFPROTO_INET, name, "refuse"},
        forged{NFPROTO_INET, name, "forged"},
        sources{{NFPROTO_INET, name, "arriving"},
                {NFPROTO_INET, name, "clients"},
                {NFPROTO_INET, name, "leaving"},
                forged.name},
        packets{NFPROTO_NETDEV, name, "packets"},
        sets{{{{inet, "open4", kIpv4Key, kIpv4KeySize, false, kMostOpen},
               {inet, "refused4", kIpv4Key, kIpv4KeySize, true, kMostNoted},
               {inet, "flows4", kIpv4Key, kIpv4KeySize, true, kMostNoted},
               false},
              {{inet, "open6", kIpv6Key, kIpv6KeySize, false, kMostOpen},
               {inet, "refused6", kIpv6Key, kIpv6KeySize, true, kMostNoted},
               {inet, "flows6", kIpv6Key, kIpv6KeySize, true, kMostNoted},
               true}}} {}

  [[nodiscard]] const Set& open_for(const IpAddress& address) const {
    return sets[address.is_v4() ? 0 : 1].open;
  }

  Table inet;
  Table netdev;
  Chain output;
  Chain forward;
  Chain judge;
  Chain neighbours;
  Chain openings;
  Chain refuse;
  Chain forged;
  SourceChains sources;
  Chain packets;
  std::array<Sets, 2> sets;
};

constexpr std::array<std::uint8_t, 2> kTcpAndUdp{IPPROTO_TCP, IPPROTO_UDP};
constexpr std::array<std::uint16_t, 2> kDnsPorts{53, 853};
constexpr std::uint32_t kTcpFlagsAt = 13;
constexpr std::array<std::uint8_t, 1> kReset{4};

std::vector<std::uint8_t> key_of(const Destination& to) {
  const Bytes address = to.address.bytes();
  std::vector<std::uint8_t> key(address.begin(), address.end());
  key.insert(key.end(), {to.port.protocol, 0, 0, 0});
  key.push_back(static_cast<std::uint8_t>(to.port.number >> 8));
  key.push_back(static_cast<std::uint8_t>(to.port.number));
  key.insert(key.end(), {0, 0});
  return key;
}

template <std::size_t N>
std::array<std::uint8_t, N> first(Bytes bytes) {
  std::array<std::uint8_t, N> copy{};
  std::memcpy(copy.data(), bytes.data(), N);
  return copy;
}

std::optional<Destination> destination_in(Bytes key, bool ipv6) {
  const std::size_t address = ipv6 ? 16 : 4;
  if (key.size() < address + 8) return std::nullopt;
  Destination to{.address = ipv6 ? IpAddress::v6(first<16>(key)) : IpAddress::v4(first<4>(key)),
                 .port = {.protocol = key[address]}};
  to.port.number = static_cast<std::uint16_t>(key[address + 4] << 8 | key[address + 5]);
  return to;
}

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

/// A flow that is known first, since most packets are of one.
void add_judgement(Messages& messages, const Layout& layout, const std::vector<Prefix>& networks) {
  Rule(messages, layout.judge).established().accept();
  for (const std::uint8_t protocol : std::to_array<std::uint8_t>({IPPROTO_ICMP, IPPROTO_ICMPV6})) {
    Rule(messages, layout.judge).protocol(protocol).related().accept();
  }
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

std::uint32_t flags_for(OnDeath on_death) {
  return on_death == OnDeath::kOpens ? NFT_TABLE_F_OWNER : 0;
}

/// Of whom clients and others claim ranges, the longest decides; what comes in by a link of clients
/// and is of nobody is judged as well.
void add_clients(Batch& batch, const Layout& layout, const FirewallRules& rules,
                 std::span<const std::string> links) {
  Messages& messages = batch.messages();
  std::vector<std::pair<Prefix, bool>> ranges;
  for (const Prefix& each : rules.clients) ranges.emplace_back(each, true);
  for (const Prefix& each : rules.others) ranges.emplace_back(each, false);
  std::ranges::sort(ranges, std::greater(), [](const auto& range) {
    return std::pair(range.first.length(), range.second);
  });
  for (const auto& [prefix, judged] : ranges) {
    Rule rule(messages, layout.forward);
    rule.from(prefix);
    judged ? rule.go_to(layout.judge.name) : rule.accept();
  }
  for (const std::string& link : links) {
    Rule(messages, layout.forward).in_by(link).go_to(layout.judge.name);
  }
  add_source_rules(batch, layout.sources, links);
}

/// Whose first packets may begin a flow, and what of it all is judged.
void add_hooks(Batch& batch, const Layout& layout, const FirewallRules& rules,
               std::span<const std::string> links) {
  batch.add_chain(layout.forward, {"filter", NF_INET_FORWARD, kPriority});
  batch.delete_rules(layout.forward);
  if (!rules.clients.empty()) return add_clients(batch, layout, rules, links);
  Messages& messages = batch.messages();
  Rule(messages, layout.forward).go_to(layout.judge.name);
  batch.add_chain(layout.output, {"filter", NF_INET_LOCAL_OUT, kPriority});
  batch.delete_rules(layout.output);
  Rule(messages, layout.output).go_to(layout.judge.name);
  add_source_rules(batch, layout.sources);
}

void add_rules(Batch& batch, const Layout& layout, const FirewallRules& rules,
               const Surroundings& around) {
  for (const Chain& chain :
       {layout.judge, layout.neighbours, layout.openings, layout.refuse, layout.forged}) {
    batch.add_chain(chain);
    batch.delete_rules(chain);
  }
  add_refusal(batch.messages(), layout, rules.audit);
  add_forged(batch.messages(), layout, rules.audit);
  add_judgement(batch.messages(), layout, around.networks.all);
  add_openings(batch.messages(), layout, rules, around.networks.lasting);
  add_hooks(batch, layout, rules, around.clients.theirs);
}

/// What the namespace's own stack sends passes, and ARP.
Batch packet_rules(const Layout& layout, const std::vector<std::string>& links, OnDeath on_death) {
  Batch batch;
  batch.replace_table(layout.netdev, flags_for(on_death), {});
  if (links.empty()) return batch;
  batch.add_chain(layout.packets, {"filter", NF_NETDEV_EGRESS, kPriority, links});
  Messages& messages = batch.messages();
  accept_routed(messages, layout.packets);
  accept_arp(messages, layout.packets);
  Rule(messages, layout.packets).drop();
  return batch;
}

/// Half of what the kernel is asked for at most (sys/our_tables.h), so that the other rules fit.
Result<void> check_size(const FirewallRules& rules) {
  constexpr std::size_t kMost = sys::OurTransaction::kMostRules / 2;
  const std::size_t ranges =
      rules.always.size() + rules.never.size() + rules.clients.size() + rules.others.size();
  if (ranges <= kMost) return {};
  return fail(
      fmt::format("a firewall takes {} ranges of `always`, `never` and `from`, and these are "
                  "{}: join some",
                  kMost, ranges));
}

std::string advice(const std::error_code& error, const sys::NetnsRef& netns) {
  return fmt::format(
      "cannot set up the firewall in {}: {}; it needs nf_tables with ct, fib and reject, and "
      "CAP_NET_ADMIN",
      netns.text(), error.message());
}

Result<void> take_down(Socket& socket, std::string_view table, const sys::NetnsRef& netns) {
  const Layout layout(table);
  for (const Table& each : {layout.inet, layout.netdev}) {
    Batch batch;
    batch.delete_table(each);
    const std::error_code error = socket.transact(batch.finish());
    if (error && error.value() != ENOENT) return fail(advice(error, netns));
  }
  return {};
}

}  // namespace

Result<Firewall> Firewall::put_up(const sys::NetnsRef& netns, std::string table,
                                  const FirewallRules& rules, OnDeath on_death) {
  auto socket = Socket::open(NETLINK_NETFILTER, netns);
  if (!socket) return std::unexpected(socket.error());
  Firewall firewall(netns, std::move(table), on_death, *std::move(socket));
  const auto owner = firewall.owner();
  if (!owner) return std::unexpected(owner.error());
  if (*owner && **owner != Owner::ourselves() && (*owner)->alive()) {
    return fail(
        fmt::format("the firewall of {} is held by the nxgate of pid {}; stop that one first",
                    netns.text().empty() ? "this host" : netns.text(), (*owner)->pid));
  }
  firewall.rules_ = rules;
  firewall.look_around(true);
  const auto left = *owner ? firewall.opened() : Result<std::vector<Opened>>();
  if (auto done = firewall.write_all(left ? *left : std::vector<Opened>()); !done) {
    return std::unexpected(done.error());
  }
  firewall.cover_links();
  return firewall;
}

Result<void> Firewall::write_all(std::span<const Opened> openings) {
  if (auto fits = check_size(rules_); !fits) return fits;
  const Layout layout(table_);
  Batch batch;
  batch.replace_table(layout.inet, flags_for(on_death_), to_record(Owner::ourselves()));
  for (const Sets& sets : layout.sets) {
    batch.add_set(sets.open);
    batch.add_set(sets.refused);
    batch.add_set(sets.flows);
  }
  for (const Opened& opening : openings) {
    batch.add_element(layout.open_for(opening.to.address), key_of(opening.to), opening.life,
                      opening.name);
  }
  add_rules(batch, layout, rules_, around_);
  if (const auto error = socket_.transact(batch.finish())) return fail(advice(error, netns_));
  return {};
}

Result<void> Firewall::write_rules() {
  if (auto fits = check_size(rules_); !fits) return fits;
  Batch batch;
  add_rules(batch, Layout(table_), rules_, around_);
  if (const auto error = socket_.transact(batch.finish())) return fail(advice(error, netns_));
  return {};
}

Result<void> Firewall::set_rules(const FirewallRules& rules) {
  FirewallRules old = std::exchange(rules_, rules);
  if (old.clients != rules_.clients) look_around(true);
  if (auto done = write_rules(); !done) {
    rules_ = std::move(old);
    return done;
  }
  if (old.audit != rules_.audit) cover_links();
  return {};
}

void Firewall::cover_links() {
  if (!rules_.clients.empty()) return;
  links_ = links_of(netns_);
  const auto rules_for = [this](const std::vector<std::string>& names) {
    return packet_rules(Layout(table_), names, on_death_);
  };
  const std::error_code error =
      rules_.audit ? socket_.transact(rules_for({}).finish()) : cover(socket_, links_, rules_for);
  packet_error_ = error ? error.message() : "";
}

bool Firewall::look_around(bool at_routes) {
  const Surroundings before = around_;
  around_.networks = networks_of(netns_);
  const Instant now = Clock::now();
  if (at_routes || before.networks != around_.networks || now >= routes_at_ + kRoutesLast) {
    if (!rules_.clients.empty()) around_.clients = links_towards(netns_, rules_.clients);
    routes_at_ = now;
  }
  return before != around_;
}

Result<std::optional<Owner>> Firewall::owner() {
  std::optional<Owner> found;
  const std::error_code error = for_each_table(socket_, [&](std::string_view name, Bytes record) {
    if (name == table_) found = parse_record(record);
  });
  if (error) return fail(advice(error, netns_));
  return found;
}

Result<bool> Firewall::keep() {
  const auto held = owner();
  if (!held) return std::unexpected(held.error());
  const bool gone = !*held;
  const bool moved = look_around(false);
  if (gone || moved) {
    if (auto done = gone ? write_all({}) : write_rules(); !done) {
      return std::unexpected(done.error());
    }
  }
  if (gone || links_of(netns_) != links_) cover_links();
  return gone;
}

std::error_code Firewall::open(std::span<const Opened> openings) {
  const Layout layout(table_);
  const auto try_it = [&](bool renew) {
    Batch batch;
    for (const Opened& opening : openings) {
      const Set& set = layout.open_for(opening.to.address);
      const auto key = key_of(opening.to);
      // Kernels before 6.12 leave the life of what is there as it is.
      if (renew && opening.again) batch.delete_element(set, key);
      batch.add_element(set, key, opening.life, opening.name);
    }
    return socket_.transact(batch.finish(), sys::Waiting::kClient);
  };
  const std::error_code error = try_it(true);
  // One of them ended just now.
  return error.value() == ENOENT ? try_it(false) : error;
}

std::error_code Firewall::close(std::span<const Destination> openings) {
  const Layout layout(table_);
  for (const Destination& to : openings) {
    Batch batch;
    batch.delete_element(layout.open_for(to.address), key_of(to));
    const std::error_code error = socket_.transact(batch.finish());
    if (error && error.value() != ENOENT) return error;
  }
  return {};
}

Result<std::vector<Opened>> Firewall::opened() {
  const Layout layout(table_);
  std::vector<Opened> all;
  for (const Sets& sets : layout.sets) {
    const auto take = [&](const ElementSeen& seen) {
      const auto to = destination_in(seen.key, sets.ipv6);
      if (to) all.push_back({*to, seen.left, std::string(seen.note), true});
    };
    const auto error = socket_.dump(
        list_elements(sets.open), [&](std::uint16_t, Bytes body) { for_each_element(body, take); });
    if (error) return fail(advice(error, netns_));
  }
  return all;
}

Result<std::vector<Noted>> Firewall::noted_in(const Set& v4, const Set& v6) {
  std::vector<Noted> all;
  for (const Set* const set : {&v4, &v6}) {
    const auto take = [&](const ElementSeen& seen) {
      const auto to = destination_in(seen.key, set == &v6);
      if (to) all.push_back({*to, seen.packets});
    };
    const auto error = socket_.dump(
        list_elements(*set), [&](std::uint16_t, Bytes body) { for_each_element(body, take); });
    if (error) return fail(advice(error, netns_));
  }
  return all;
}

Result<std::vector<Noted>> Firewall::refused() {
  const Layout layout(table_);
  return noted_in(layout.sets[0].refused, layout.sets[1].refused);
}

Result<std::vector<Noted>> Firewall::flows() {
  const Layout layout(table_);
  return noted_in(layout.sets[0].flows, layout.sets[1].flows);
}

Result<void> Firewall::outlive() {
  if (on_death_ == OnDeath::kStaysClosed) return {};
  const auto openings = opened();
  if (!openings) return std::unexpected(openings.error());
  on_death_ = OnDeath::kStaysClosed;
  if (auto done = write_all(*openings); !done) return done;
  cover_links();
  return {};
}

Result<void> Firewall::take_down() { return netfilter::take_down(socket_, table_, netns_); }

Result<std::size_t> remove_firewalls(const sys::NetnsRef& netns,
                                     std::span<const std::string> kept) {
  auto socket = Socket::open(NETLINK_NETFILTER, netns);
  if (!socket) return std::unexpected(socket.error());
  std::vector<std::string> dead;
  const std::error_code error = for_each_table(*socket, [&](std::string_view name, Bytes record) {
    if (!name.starts_with(Firewall::kTable) || parse_record(record).alive()) return;
    if (std::ranges::find(kept, name) == kept.end()) dead.emplace_back(name);
  });
  if (error) return fail(advice(error, netns));
  for (const std::string& table : dead) {
    if (auto done = take_down(*socket, table, netns); !done) return std::unexpected(done.error());
  }
  return dead.size();
}

}  // namespace nxgate::netfilter
