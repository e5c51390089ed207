// The firewall of one network namespace: what may leave it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "netfilter/gate.h"
#include "netfilter/socket.h"
#include "sys/netns.h"

namespace nxgate::netfilter {

/// A destination, of any protocol and port if that is unset.
struct Destination {
  IpAddress address;
  Port port;

  auto operator<=>(const Destination&) const = default;
};

/// What the rules themselves say.
struct FirewallRules {
  struct Opening {
    Prefix to;
    std::optional<Port> port;  ///< any if unset
    bool operator==(const Opening&) const = default;
  };

  bool audit = false;  ///< everything passes, and is noted
  std::vector<Opening> always;
  std::vector<Prefix> never;
  bool networks = false;  ///< opens the networks the namespace is connected to

  bool operator==(const FirewallRules&) const = default;
};

/// An opening with an end.
struct Opened {
  Destination to;
  Milliseconds life{};
  std::string name;    ///< why it is open; nft(8) shows it as a comment
  bool again = false;  ///< it may be open already, and shall be for this long
};

/// What was refused, or in an audit would have been. Of other protocols than TCP and UDP the port
/// is 0.
struct Refused {
  Destination to;
  std::uint64_t packets = 0;  ///< since it was noted first
};

/// A table `inet nxgate_egress` of nxgate's own, default reject, for what the namespace sends and
/// forwards, in this order:
///
/// 1. open: itself, flows that conntrack knows, their ICMP errors, IPv6 neighbour discovery;
/// 2. open: `always`;
/// 3. closed: `never`; DNS, DoT and DoQ, which only the gate leads anywhere;
/// 4. open: what was admitted, for its time, and the connected networks if they are;
/// 5. closed: all else, by TCP reset or ICMP at once, and noted in a set with a counter.
///
/// A table `netdev nxgate_egress` (kernels from 5.16) drops what packet sockets send past these
/// rules. Neither keeps IP fragments apart: conntrack puts them together first.
///
/// Rules are replaced in one transaction, and what was admitted stays; so also when a dead nxgate
/// left the table. Needs CAP_NET_ADMIN. One thread at a time; destroying it leaves all in place.
class Firewall {
 public:
  /// Puts it up, or takes over what is there.
  [[nodiscard]] static Result<Firewall> put_up(const sys::NetnsRef& netns,
                                               const FirewallRules& rules, OnDeath on_death);

  [[nodiscard]] Result<void> set_rules(const FirewallRules& rules);
  [[nodiscard]] const FirewallRules& rules() const noexcept { return rules_; }

  /// Puts right what changed: links, networks, rules that somebody took away. The result says
  /// whether the table was gone, and with it all that was admitted.
  [[nodiscard]] Result<bool> keep();

  /// All of it or nothing, in the kernel when this returns; some microseconds.
  [[nodiscard]] std::error_code open(std::span<const Opened> openings);
  /// One that is closed by now is no fault.
  [[nodiscard]] std::error_code close(std::span<const Destination> openings);

  /// What is open in the kernel; `again` is set.
  [[nodiscard]] Result<std::vector<Opened>> opened();
  [[nodiscard]] Result<std::vector<Refused>> refused();

  [[nodiscard]] Result<void> take_down();

  /// Why packet sockets aren't stopped; empty if they are.
  [[nodiscard]] const std::string& packet_error() const noexcept { return packet_error_; }

 private:
  Firewall(const sys::NetnsRef& netns, OnDeath on_death, Socket socket)
      : netns_(netns), on_death_(on_death), socket_(std::move(socket)) {}

  [[nodiscard]] Result<void> write(bool from_scratch);
  void cover_links();
  [[nodiscard]] Result<bool> present();

  sys::NetnsRef netns_;
  OnDeath on_death_;
  Socket socket_;
  FirewallRules rules_;
  std::vector<Prefix> networks_;
  std::vector<std::string> links_;
  std::string packet_error_;
};

/// Takes away what a nxgate that is dead by now left; no firewall is fine.
[[nodiscard]] Result<void> remove_firewall(const sys::NetnsRef& netns);

}  // namespace nxgate::netfilter
