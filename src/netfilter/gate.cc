#include "netfilter/gate.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <expected>
#include <optional>
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
#include "base/error.h"
#include "helper/netlink_check.h"
#include "netfilter/batch.h"
#include "netfilter/flows.h"
#include "netfilter/frames.h"
#include "netfilter/gate_ports.h"
#include "netfilter/link_cover.h"
#include "netfilter/links.h"
#include "netfilter/messages.h"
#include "netfilter/owner.h"
#include "netfilter/priorities.h"
#include "netfilter/rule.h"
#include "netfilter/socket.h"
#include "sys/netns.h"

namespace nxgate::netfilter {
namespace {

constexpr std::string_view kTable = helper::kOurTables;
constexpr Table kInet{NFPROTO_INET, kTable};
constexpr Table kNetdev{NFPROTO_NETDEV, kTable};
constexpr std::array<std::uint8_t, 4> kDockersResolver{127, 0, 0, 11};
constexpr Chain kRedirect{NFPROTO_INET, kTable, "redirect"};
constexpr Chain kGuard{NFPROTO_INET, kTable, "guard"};
constexpr Chain kForwarded{NFPROTO_INET, kTable, "forwarded"};
constexpr Chain kOutbound{NFPROTO_INET, kTable, "outbound"};
constexpr Chain kEgress{NFPROTO_NETDEV, kTable, "egress"};

struct Protocol {
  std::uint8_t number;
  std::uint16_t GatePorts::* v4;
  std::uint16_t GatePorts::* v6;
};
constexpr std::array<Protocol, 2> kProtocols{{
    {IPPROTO_UDP, &GatePorts::udp4, &GatePorts::udp6},
    {IPPROTO_TCP, &GatePorts::tcp4, &GatePorts::tcp6},
}};

/// Docker's resolver is one of the namespace's own addresses, and so comes first.
void add_redirects(Messages& messages, const GatePorts& ports) {
  for (const Protocol& protocol : kProtocols) {
    Rule(messages, kRedirect)
        .family(NFPROTO_IPV4)
        .protocol(protocol.number)
        .to_port(kDns)
        .to_address(kDockersResolver)
        .redirect();
  }
  Rule(messages, kRedirect).destination_is(RTN_LOCAL).leave();
  for (const Protocol& protocol : kProtocols) {
    for (const auto& [family, port] : {std::pair(NFPROTO_IPV4, ports.*protocol.v4),
                                       std::pair(NFPROTO_IPV6, ports.*protocol.v6)}) {
      if (port == 0) continue;  // the guard refuses it
      Rule(messages, kRedirect)
          .family(static_cast<std::uint8_t>(family))
          .protocol(protocol.number)
          .to_port(kDns)
          .redirect();
    }
  }
}

/// A socket that is bound to a link has its packet take the link also when it was redirected to
/// ourselves. Only behind routing is it known which one: at output the kernel tells the link of
/// before.
void keep_our_own_inside(Messages& messages) {
  Rule(messages, kOutbound).not_out_of(kLoopback).destination_is(RTN_LOCAL).drop();
  for (const std::string_view range : {"127.0.0.0/8", "::1"}) {
    Rule(messages, kOutbound).not_out_of(kLoopback).from(*Prefix::parse(range)).drop();
  }
}

void add_guards(Batch& batch) {
  batch.add_chain(kGuard, {"filter", NF_INET_LOCAL_OUT, NF_IP_PRI_FILTER});
  Messages& messages = batch.messages();
  Rule(messages, kGuard)
      .family(NFPROTO_IPV4)
      .protocol(IPPROTO_TCP)
      .to_address(kDockersResolver)
      .reset();
  Rule(messages, kGuard)
      .family(NFPROTO_IPV4)
      .to_address(kDockersResolver)
      .reject(NFT_REJECT_ICMPX_PORT_UNREACH);
  // What comes from behind is refused where all of it can be read, and not a fragment at a time.
  batch.add_chain(kForwarded, {"filter", NF_INET_FORWARD, NF_IP_PRI_FILTER});
  for (const Chain& chain : {kGuard, kForwarded}) {
    Rule(messages, chain).protocol(IPPROTO_TCP).to_port(kDns).destination_is_not(RTN_LOCAL).reset();
    Rule(messages, chain)
        .protocol(IPPROTO_UDP)
        .to_port(kDns)
        .destination_is_not(RTN_LOCAL)
        .reject(NFT_REJECT_ICMPX_PORT_UNREACH);
  }
  // An ICMP error would find the socket still busy with connect(), and be forgotten.
  Rule(messages, kGuard)
      .protocol(IPPROTO_TCP)
      .out_of(kLoopback)
      .destination_is(RTN_UNICAST)
      .reset();
  Rule(messages, kGuard)
      .out_of(kLoopback)
      .destination_is(RTN_UNICAST)
      .reject(NFT_REJECT_ICMPX_NO_ROUTE);
}

Batch redirect_rules(const GatePorts& ports, OnDeath on_death, bool guarded) {
  Batch batch;
  batch.replace_table(kInet, table_flags(on_death), to_record(Owner::ourselves()));
  batch.add_chain(kRedirect, {"nat", NF_INET_LOCAL_OUT, kBeforeDocker});
  add_redirects(batch.messages(), ports);
  add_port_rules(batch, ports);
  batch.add_chain(kOutbound, {"filter", NF_INET_POST_ROUTING, kBehindNat});
  keep_our_own_inside(batch.messages());
  if (guarded) add_guards(batch);
  return batch;
}

Batch guard_rules() {
  Batch batch;
  add_guards(batch);
  return batch;
}

Batch egress_rules(const std::vector<std::string>& links, OnDeath on_death) {
  Batch batch;
  batch.replace_table(kNetdev, table_flags(on_death), to_record(Owner::ourselves()));
  if (links.empty()) return batch;
  batch.add_chain(kEgress, {"filter", NF_NETDEV_EGRESS, NF_IP_PRI_FILTER, links});
  Messages& messages = batch.messages();
  for (const Protocol& protocol : kProtocols) {
    Rule(messages, kEgress).protocol(protocol.number).to_port(kDns).drop();
  }
  accept_routed(messages, kEgress);
  accept_arp(messages, kEgress);
  Rule(messages, kEgress).has_socket().drop();
  return batch;
}

std::error_code find_owner(Socket& socket, std::optional<Owner>& owner) {
  return for_each_table(socket, [&owner](std::string_view name, Bytes record) {
    if (name == kTable) owner = parse_record(record);
  });
}

/// What a refusal of nf_tables means to the operator.
std::string gate_advice(const std::error_code& error, const sys::NetnsRef& netns) {
  switch (error.value()) {
    case EPERM:
      return fmt::format(
          "no permission to set up rules in {}: root or CAP_NET_ADMIN is required, or another "
          "nxgate holds its gate",
          netns.text());
    case ENOENT:
    case EOPNOTSUPP:
    case EPROTONOSUPPORT:
    case EAFNOSUPPORT:
      return fmt::format(
          "this kernel can't set up the rules in {}: {}; it must have nf_tables with nat, redir, "
          "reject and fib (modules nft_chain_nat, nft_redir, nft_reject_inet, nft_fib_inet)",
          netns.text(), error.message());
    default:
      return fmt::format("cannot set up rules in {}: {}", netns.text(), error.message());
  }
}

Result<void> forget_flows(const sys::NetnsRef& netns) {
  const std::error_code error = forget_dns_flows(netns);
  if (!error) return {};
  return fail(fmt::format("cannot clear the DNS flows of {}: {}", netns.text(), error.message()));
}

/// The last route goes first: without the rules it would lead nowhere.
Result<void> remove_tables(Socket& socket, const sys::NetnsRef& netns, FlowCleanup flows) {
  if (const auto error = remove_last_route(netns)) {
    return fail(fmt::format("cannot remove a route in {}: {}", netns.text(), error.message()));
  }
  for (const Table& table : {kInet, kNetdev}) {
    Batch batch;
    batch.delete_table(table);
    const std::error_code error = socket.transact(batch.finish());
    if (error && error.value() != ENOENT) return fail(gate_advice(error, netns));
  }
  return flows == FlowCleanup::kForget ? forget_flows(netns) : Result<void>();
}

}  // namespace

std::uint32_t table_flags(OnDeath on_death) noexcept {
  return on_death == OnDeath::kOpens ? NFT_TABLE_F_OWNER : 0;
}

Result<Gate> Gate::install(const sys::NetnsRef& netns, const GatePorts& ports, OnDeath on_death,
                           Inside inside) {
  auto socket = Socket::open(NETLINK_NETFILTER, netns);
  if (!socket) return std::unexpected(socket.error());
  std::optional<Owner> owner;
  if (const auto error = find_owner(*socket, owner)) return fail(gate_advice(error, netns));
  if (owner && *owner != Owner::ourselves() && owner->alive()) {
    return fail(fmt::format("{} is already attached by the nxgate with pid {}; stop that one first",
                            netns.text(), owner->pid));
  }
  Gate gate(netns, ports, on_death, *std::move(socket));
  if (auto done = gate.write_rules(owner || inside == Inside::kStarting, FlowCleanup::kForget);
      !done) {
    if (!owner) (void)gate.remove(FlowCleanup::kNone);
    return std::unexpected(done.error());
  }
  return gate;
}

/// A gate that is replaced leaves no gap. Otherwise the guard comes last: it would refuse what
/// comes by a flow of before, which is better caught.
Result<void> Gate::write_rules(bool guarded, FlowCleanup flows) {
  if (const auto error = socket_.transact(redirect_rules(ports_, on_death_, guarded).finish())) {
    return fail(gate_advice(error, netns_));
  }
  const bool with_route = on_death_ == OnDeath::kStaysClosed;
  if (const auto error = with_route ? add_last_route(netns_) : std::error_code()) {
    return fail(fmt::format("cannot add a route in {}: {}", netns_.text(), error.message()));
  }
  cover_links(links_of(netns_));
  if (flows == FlowCleanup::kForget) {
    if (auto forgotten = forget_flows(netns_); !forgotten) return forgotten;
  }
  if (guarded) return {};
  if (const auto error = socket_.transact(guard_rules().finish()))
    return fail(gate_advice(error, netns_));
  return {};
}

void Gate::cover_links(std::vector<std::string> links) {
  const std::error_code error =
      cover(socket_, links, [this](const auto& names) { return egress_rules(names, on_death_); });
  egress_error_ = error ? error.message() : "";
  links_ = std::move(links);
}

Result<bool> Gate::keep() {
  std::optional<Owner> owner;
  if (const auto error = find_owner(socket_, owner)) return fail(gate_advice(error, netns_));
  if (!owner) {
    if (auto done = write_rules(false, FlowCleanup::kForget); !done)
      return std::unexpected(done.error());
    return true;
  }
  std::vector<std::string> links = links_of(netns_);
  if (links != links_) cover_links(std::move(links));
  return false;
}

Result<void> Gate::outlive() {
  if (on_death_ == OnDeath::kStaysClosed) return {};
  on_death_ = OnDeath::kStaysClosed;
  return write_rules(true, FlowCleanup::kNone);
}

Result<void> Gate::remove(FlowCleanup flows) { return remove_tables(socket_, netns_, flows); }

Result<std::optional<Owner>> find_gate(const sys::NetnsRef& netns) {
  auto socket = Socket::open(NETLINK_NETFILTER, netns);
  if (!socket) return std::unexpected(socket.error());
  std::optional<Owner> owner;
  if (const auto error = find_owner(*socket, owner)) return fail(gate_advice(error, netns));
  return owner;
}

Result<void> remove_gate(const sys::NetnsRef& netns) {
  auto socket = Socket::open(NETLINK_NETFILTER, netns);
  if (!socket) return std::unexpected(socket.error());
  return remove_tables(*socket, netns, FlowCleanup::kForget);
}

}  // namespace nxgate::netfilter
