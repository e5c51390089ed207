// The firewall of one network namespace.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "netfilter/firewall_rules.h"
#include "netfilter/gate.h"
#include "netfilter/messages.h"
#include "netfilter/owner.h"
#include "netfilter/socket.h"
#include "sys/netlink.h"
#include "sys/netns.h"

namespace nxgate::netfilter {

struct Set;

/// An opening with an end.
struct Opened {
  Destination to;
  Milliseconds life{};
  std::string name;    ///< why it is open; nft(8) shows it as a comment
  bool again = false;  ///< it may be open already, and shall be for this long
};

/// What was refused, or in an audit would have been, or where a new flow went. Of other protocols
/// than TCP and UDP the port is 0.
struct Noted {
  Destination to;
  std::uint64_t packets = 0;  ///< since it was noted first
};

/// A table of nxgate's own, default reject, for what the namespace sends and forwards, or for what
/// it forwards for some clients, in this order:
///
/// -  what is open at a checked port is redirected to our listener (CheckedConnections);
/// 0. dropped, before conntrack believes the flow: a forged source, a source route, what names us
///    on the route to somebody else, a router that we are ourselves (sources.h); noted by source;
/// 1. open: flows that conntrack knows, their ICMP errors, itself, what IPv6 has to say to its
///    neighbours (neighbours.h);
/// 2. closed: a checked port, but for connections of our own (`let_onward`), which are judged on;
///    open: `always`;
/// 3. closed: `never`; DNS, DoT and DoQ, which only the gate leads anywhere;
///    what comes past this is noted, if the rules say so;
/// 4. open: what was admitted, for its time, and the connected networks if they are;
/// 5. closed: all else, by TCP reset or ICMP at once, and noted in a set with a counter.
///
/// For clients step 0 is about what comes in by links that lead to them and not everywhere: there a
/// source must have its route back, and one of nobody's range is judged like a client's. Of what
/// the host itself sends only errors about options are dropped, which it makes before any rule.
///
/// A table of family netdev (kernels from 5.16) drops what packet sockets send past these rules,
/// but for ARP (frames.h), unless it is for clients. Neither keeps IP fragments apart: conntrack
/// puts them together first.
///
/// Rules are replaced in one transaction, and what was admitted stays; so also when a dead nxgate
/// left the table. Needs CAP_NET_ADMIN. Destroying it leaves all in place.
///
/// One thread, but for `open`, `close`, `let_onward` and `end_onward`: those any thread may use,
/// and they wait only for transactions, not for what the others read of the kernel.
class Firewall {
 public:
  /// The table of a namespace's only firewall; others in there have a name behind it.
  static constexpr std::string_view kTable = "nxgate_egress";

  /// Installs it, or takes over what a dead nxgate left. Fails if a live one holds it.
  [[nodiscard]] static Result<Firewall> install(const sys::NetnsRef& netns, std::string table,
                                                const FirewallRules& rules, OnDeath on_death);

  [[nodiscard]] Result<void> set_rules(const FirewallRules& rules);
  [[nodiscard]] const FirewallRules& rules() const noexcept { return rules_; }

  /// Which links its clients are behind.
  [[nodiscard]] const ClientLinks& client_links() const noexcept { return around_.clients; }

  /// Repairs what changed: links, networks, routes to clients, removed rules. The result says
  /// whether the table was gone, and with it everything that was admitted.
  [[nodiscard]] Result<bool> keep();

  /// All of it or nothing, in the kernel when this returns; some microseconds.
  [[nodiscard]] std::error_code open(std::span<const Opened> openings);
  /// One that is closed by now is no fault.
  [[nodiscard]] std::error_code close(std::span<const Destination> openings);

  /// Lets new connections of ours to checked ports pass the redirect and the checks, for this long
  /// or until `end_onward`; from then on conntrack knows them, or they never were. All or none.
  [[nodiscard]] std::error_code let_onward(std::span<const Onward> flows, Milliseconds life);
  /// One that has ended by now is no fault.
  [[nodiscard]] std::error_code end_onward(std::span<const Onward> flows);

  /// For so long connections to there are refused instead of redirected.
  [[nodiscard]] std::error_code note_unreachable(const Destination& to, Milliseconds life);

  /// What is open in the kernel; `again` is set.
  [[nodiscard]] Result<std::vector<Opened>> opened();
  [[nodiscard]] Result<std::vector<Noted>> refused();
  /// Where new flows went in the last minute, if the rules note them.
  [[nodiscard]] Result<std::vector<Noted>> flows();

  /// Makes it stay, with everything that is open, when this process ends, also with
  /// OnDeath::kOpens, in one transaction.
  [[nodiscard]] Result<void> outlive();

  [[nodiscard]] Result<void> remove();

  /// Why packet sockets aren't stopped; empty if they are.
  [[nodiscard]] const std::string& packet_error() const noexcept { return packet_error_; }

 private:
  Firewall(const sys::NetnsRef& netns, std::string table, OnDeath on_death, Socket writer,
           Socket reader)
      : netns_(netns),
        table_(std::move(table)),
        on_death_(on_death),
        writer_(std::move(writer)),
        reader_(std::move(reader)) {}

  [[nodiscard]] std::error_code transact(const Messages& messages,
                                         sys::Waiting waiting = sys::Waiting::kNobody);

  /// Rules and sets in place of whatever is there, with these openings.
  [[nodiscard]] Result<void> write_all(std::span<const Opened> openings);
  [[nodiscard]] Result<void> write_rules();
  void cover_links();
  /// Whether what the rules depend on changed. Routes aren't read each time unless it says so.
  bool look_around(bool at_routes);
  [[nodiscard]] Result<std::optional<Owner>> owner();
  /// The elements of two sets, by IPv4 and IPv6.
  [[nodiscard]] Result<std::vector<Noted>> noted_in(const Set& v4, const Set& v6);

  sys::NetnsRef netns_;
  std::string table_;
  OnDeath on_death_;
  std::unique_ptr<std::mutex> writing_ = std::make_unique<std::mutex>();  ///< of `writer_`
  Socket writer_;  ///< which owns the table if it is to end with us
  Socket reader_;
  FirewallRules rules_;
  Surroundings around_;
  Instant routes_at_{};
  std::vector<std::string> links_;
  std::string packet_error_;
};

/// A firewall whose nxgate is dead.
struct DeadFirewall {
  std::string table;
  Owner owner;
};
[[nodiscard]] Result<std::vector<DeadFirewall>> find_dead_firewalls(const sys::NetnsRef& netns);

/// Removes this one if its nxgate is dead; whether there was one.
[[nodiscard]] Result<bool> remove_firewall(const sys::NetnsRef& netns, std::string_view table);

/// Removes every firewall of dead nxgates except those of the tables in `kept`, and returns how
/// many there were.
[[nodiscard]] Result<std::size_t> remove_firewalls(const sys::NetnsRef& netns,
                                                   std::span<const std::string> kept = {});

}  // namespace nxgate::netfilter
