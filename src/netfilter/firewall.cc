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
#include <net/ethernet.h>
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
#include "netfilter/gate.h"
#include "netfilter/links.h"
#include "netfilter/messages.h"
#include "netfilter/rule.h"
#include "netfilter/socket.h"
#include "sys/netns.h"

namespace nxgate::netfilter {
namespace {

constexpr std::string_view kName = "nxgate_egress";
constexpr Table kInet{NFPROTO_INET, kName};
constexpr Table kNetdev{NFPROTO_NETDEV, kName};
constexpr Chain kOutput{NFPROTO_INET, kName, "output"};
constexpr Chain kForward{NFPROTO_INET, kName, "forward"};
constexpr Chain kJudge{NFPROTO_INET, kName, "judge"};
constexpr Chain kRefuse{NFPROTO_INET, kName, "refuse"};
constexpr Chain kPackets{NFPROTO_NETDEV, kName, "packets"};
/// After the gate's guard.
constexpr std::int32_t kPriority = NF_IP_PRI_FILTER + 1;

/// The data types of nft(8) for (address, protocol, port).
constexpr std::uint32_t key_type(std::uint32_t address) { return address << 12 | 12U << 6 | 13U; }
constexpr std::uint32_t kIpv4Key = key_type(7);
constexpr std::uint32_t kIpv6Key = key_type(8);
constexpr std::uint32_t kIpv4KeySize = 12;
constexpr std::uint32_t kIpv6KeySize = 24;
constexpr std::uint32_t kMostRefused = 4096;
constexpr Milliseconds kRefusedLife{60'000};

struct Sets {
  Set open;
  Set refused;
  bool ipv6;
};
constexpr std::array<Sets, 2> kSets{{
    {{kInet, "open4", kIpv4Key, kIpv4KeySize, false, 0},
     {kInet, "refused4", kIpv4Key, kIpv4KeySize, true, kMostRefused},
     false},
    {{kInet, "open6", kIpv6Key, kIpv6KeySize, false, 0},
     {kInet, "refused6", kIpv6Key, kIpv6KeySize, true, kMostRefused},
     true},
}};

constexpr std::array<std::uint8_t, 2> kTcpAndUdp{IPPROTO_TCP, IPPROTO_UDP};
constexpr std::array<std::uint16_t, 2> kDnsPorts{53, 853};
/// Neighbour discovery and multicast listeners (RFC 4861, RFC 3810).
constexpr std::array<std::pair<std::uint8_t, std::uint8_t>, 2> kNeighbourTypes{
    {{130, 137}, {143, 143}}};

const Sets& sets_for(const IpAddress& address) { return kSets[address.is_v4() ? 0 : 1]; }

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

void open_link_local(Messages& messages, const std::vector<Prefix>& networks) {
  std::vector<Prefix> near{*Prefix::parse("fe80::/10"), *Prefix::parse("ff02::/16")};
  std::ranges::copy_if(networks, std::back_inserter(near),
                       [](const Prefix& network) { return !network.address().is_v4(); });
  for (const Prefix& network : near) {
    for (const auto& [from, to] : kNeighbourTypes) {
      Rule(messages, kJudge).to(network).protocol(IPPROTO_ICMPV6).icmp_type(from, to).accept();
    }
  }
}

void close_dns(Messages& messages) {
  for (const std::uint8_t protocol : kTcpAndUdp) {
    for (const std::uint16_t port : kDnsPorts) {
      Rule(messages, kJudge).protocol(protocol).to_port(port).go_to(kRefuse.name);
    }
  }
}

void add_judgement(Messages& messages, const FirewallRules& rules,
                   const std::vector<Prefix>& networks) {
  Rule(messages, kJudge).destination_is(RTN_LOCAL).accept();
  Rule(messages, kJudge).established().accept();
  for (const std::uint8_t protocol : std::to_array<std::uint8_t>({IPPROTO_ICMP, IPPROTO_ICMPV6})) {
    Rule(messages, kJudge).protocol(protocol).related().accept();
  }
  open_link_local(messages, networks);
  for (const FirewallRules::Opening& opening : rules.always) {
    Rule rule(messages, kJudge);
    rule.to(opening.to);
    if (opening.port) rule.protocol(opening.port->protocol).to_port(opening.port->number);
    rule.accept();
  }
  for (const Prefix& range : rules.never) Rule(messages, kJudge).to(range).go_to(kRefuse.name);
  close_dns(messages);
  for (const Sets& sets : kSets) {
    Rule(messages, kJudge).to_any_in(sets.open.name, sets.ipv6).accept();
    Rule(messages, kJudge).to_port_in(sets.open.name, sets.ipv6).accept();
  }
  if (rules.networks) {
    for (const Prefix& network : networks) Rule(messages, kJudge).to(network).accept();
  }
  Rule(messages, kJudge).go_to(kRefuse.name);
}

void add_refusal(Messages& messages, bool audit) {
  for (const Sets& sets : kSets) {
    for (const std::uint8_t protocol : kTcpAndUdp) {
      Rule(messages, kRefuse)
          .protocol(protocol)
          .note_in(sets.refused.name, sets.ipv6, true, kRefusedLife);
    }
    Rule(messages, kRefuse)
        .protocol_is_not(IPPROTO_TCP)
        .protocol_is_not(IPPROTO_UDP)
        .note_in(sets.refused.name, sets.ipv6, false, kRefusedLife);
  }
  if (audit) return Rule(messages, kRefuse).accept();
  Rule(messages, kRefuse).protocol(IPPROTO_TCP).reset();
  Rule(messages, kRefuse).reject(NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
}

std::uint32_t flags_for(OnDeath on_death) {
  return on_death == OnDeath::kOpens ? NFT_TABLE_F_OWNER : 0;
}

/// The base chains come last, so that nothing is judged by half of the rules.
Batch all_rules(const FirewallRules& rules, const std::vector<Prefix>& networks, OnDeath on_death,
                bool from_scratch) {
  Batch batch;
  if (from_scratch) {
    batch.replace_table(kInet, flags_for(on_death), {});
  } else {
    batch.add_table(kInet, flags_for(on_death), {});
  }
  for (const Sets& sets : kSets) {
    batch.add_set(sets.open);
    batch.add_set(sets.refused);
  }
  for (const Chain& chain : {kJudge, kRefuse}) {
    batch.add_chain(chain);
    batch.delete_rules(chain);
  }
  add_refusal(batch.messages(), rules.audit);
  add_judgement(batch.messages(), rules, networks);
  for (const auto& [chain, hook] :
       {std::pair(kOutput, NF_INET_LOCAL_OUT), std::pair(kForward, NF_INET_FORWARD)}) {
    batch.add_chain(chain, {"filter", static_cast<std::uint32_t>(hook), kPriority});
    batch.delete_rules(chain);
    Rule(batch.messages(), chain).go_to(kJudge.name);
  }
  return batch;
}

/// ARP and what the namespace's own stack sends pass; packet sockets have no route.
Batch packet_rules(const std::vector<std::string>& links, OnDeath on_death) {
  Batch batch;
  batch.replace_table(kNetdev, flags_for(on_death), {});
  if (links.empty()) return batch;
  batch.add_chain(kPackets, {"filter", NF_NETDEV_EGRESS, kPriority, links});
  Messages& messages = batch.messages();
  Rule(messages, kPackets).ethernet_type(ETHERTYPE_ARP).accept();
  Rule(messages, kPackets).has_route().accept();
  Rule(messages, kPackets).drop();
  return batch;
}

std::string advice(const std::error_code& error, const sys::NetnsRef& netns) {
  return fmt::format(
      "cannot set up the firewall in {}: {}; it needs nf_tables with ct, fib and reject, and "
      "CAP_NET_ADMIN",
      netns.text(), error.message());
}

Result<void> take_down(Socket& socket, const sys::NetnsRef& netns) {
  for (const Table& table : {kInet, kNetdev}) {
    Batch batch;
    batch.delete_table(table);
    const std::error_code error = socket.transact(batch.finish());
    if (error && error.value() != ENOENT) return fail(advice(error, netns));
  }
  return {};
}

}  // namespace

Result<Firewall> Firewall::put_up(const sys::NetnsRef& netns, const FirewallRules& rules,
                                  OnDeath on_death) {
  auto socket = Socket::open(NETLINK_NETFILTER, netns);
  if (!socket) return std::unexpected(socket.error());
  Firewall firewall(netns, on_death, *std::move(socket));
  firewall.rules_ = rules;
  firewall.networks_ = networks_of(netns);
  if (auto done = firewall.write(false); !done) {
    // What another version of nxgate left may be of another make.
    if (auto again = firewall.write(true); !again) return std::unexpected(again.error());
  }
  firewall.cover_links();
  return firewall;
}

Result<void> Firewall::write(bool from_scratch) {
  Batch batch = all_rules(rules_, networks_, on_death_, from_scratch);
  if (const auto error = socket_.transact(batch.finish())) return fail(advice(error, netns_));
  return {};
}

Result<void> Firewall::set_rules(const FirewallRules& rules) {
  FirewallRules old = std::exchange(rules_, rules);
  if (auto done = write(false); !done) {
    rules_ = std::move(old);
    return done;
  }
  if (old.audit != rules_.audit) cover_links();
  return {};
}

void Firewall::cover_links() {
  links_ = links_of(netns_);
  const std::vector<std::string> covered = rules_.audit ? std::vector<std::string>() : links_;
  Batch batch = packet_rules(covered, on_death_);
  const std::error_code error = socket_.transact(batch.finish());
  packet_error_ = error ? error.message() : "";
}

Result<bool> Firewall::present() {
  bool found = false;
  Messages request;
  {
    const auto message = nft_message(request, NFT_MSG_GETTABLE, NLM_F_DUMP, NFPROTO_INET);
  }
  const std::error_code error = socket_.dump(request, [&found](std::uint16_t, Bytes body) {
    if (body.size() < sizeof(nfgenmsg)) return;
    for_each_attribute(body.subspan(sizeof(nfgenmsg)), [&](std::uint16_t type, Bytes value) {
      const std::string_view text(reinterpret_cast<const char*>(value.data()), value.size());
      if (type == NFTA_TABLE_NAME && text.substr(0, text.find('\0')) == kName) found = true;
    });
  });
  if (error) return fail(advice(error, netns_));
  return found;
}

Result<bool> Firewall::keep() {
  const auto there = present();
  if (!there) return there;
  std::vector<Prefix> networks = networks_of(netns_);
  if (!*there || networks != networks_) {
    networks_ = std::move(networks);
    if (auto done = write(false); !done) return std::unexpected(done.error());
  }
  if (!*there || links_of(netns_) != links_) cover_links();
  return !*there;
}

std::error_code Firewall::open(std::span<const Opened> openings) {
  const auto try_it = [&](bool renew) {
    Batch batch;
    for (const Opened& opening : openings) {
      const Set& set = sets_for(opening.to.address).open;
      const auto key = key_of(opening.to);
      // Kernels before 6.12 leave the life of what is there as it is.
      if (renew && opening.again) batch.delete_element(set, key);
      batch.add_element(set, key, opening.life, opening.name);
    }
    return socket_.transact(batch.finish());
  };
  const std::error_code error = try_it(true);
  // One of them ended just now.
  return error.value() == ENOENT ? try_it(false) : error;
}

std::error_code Firewall::close(std::span<const Destination> openings) {
  for (const Destination& to : openings) {
    Batch batch;
    batch.delete_element(sets_for(to.address).open, key_of(to));
    const std::error_code error = socket_.transact(batch.finish());
    if (error && error.value() != ENOENT) return error;
  }
  return {};
}

Result<std::vector<Opened>> Firewall::opened() {
  std::vector<Opened> all;
  for (const Sets& sets : kSets) {
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

Result<std::vector<Refused>> Firewall::refused() {
  std::vector<Refused> all;
  for (const Sets& sets : kSets) {
    const auto take = [&](const ElementSeen& seen) {
      const auto to = destination_in(seen.key, sets.ipv6);
      if (to) all.push_back({*to, seen.packets});
    };
    const auto error = socket_.dump(list_elements(sets.refused), [&](std::uint16_t, Bytes body) {
      for_each_element(body, take);
    });
    if (error) return fail(advice(error, netns_));
  }
  return all;
}

Result<void> Firewall::take_down() { return netfilter::take_down(socket_, netns_); }

Result<void> remove_firewall(const sys::NetnsRef& netns) {
  auto socket = Socket::open(NETLINK_NETFILTER, netns);
  if (!socket) return std::unexpected(socket.error());
  return take_down(*socket, netns);
}

}  // namespace nxgate::netfilter
