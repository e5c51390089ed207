// The rules of a firewall, from a policy to netlink messages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "netfilter/batch.h"
#include "netfilter/links.h"

namespace nxgate::netfilter {

/// So many destinations a set of them holds, each for a minute; what comes then isn't noted.
inline constexpr std::uint32_t kMostNoted = 4096;

struct Layout;

/// A destination, of any protocol and port if that is unset.
struct Destination {
  IpAddress address;
  Port port;

  auto operator<=>(const Destination&) const = default;
};

/// New TCP connections that a program of ours makes for whoever wants them: what is open at these
/// ports is redirected to its listener, all else is refused, but for its own (`Onward`).
struct CheckedConnections {
  std::vector<std::uint16_t> ports;
  bool all = false;                        ///< also at all other ports; what isn't TCP is refused
  std::vector<std::uint16_t> refused_udp;  ///< ports at which UDP is refused, but for `always`
  std::uint16_t listener4 = 0;             ///< its port; 0 if there is none for this family
  std::uint16_t listener6 = 0;

  [[nodiscard]] bool any() const noexcept { return all || !ports.empty(); }
  bool operator==(const CheckedConnections&) const = default;
};

/// A connection of our own to a checked port.
struct Onward {
  Endpoint from;
  Endpoint to;
};

/// The content of the rules.
struct FirewallRules {
  struct Opening {
    Prefix to;
    std::optional<Port> port;  ///< any if unset
    bool operator==(const Opening&) const = default;
  };

  bool audit = false;  ///< everything passes, and is noted
  std::vector<Opening> always;
  std::vector<Prefix> never;
  bool networks = false;  ///< opens the lasting networks the namespace is connected to
  /// Whose packets are judged as they are forwarded, and whatever else comes in by their links;
  /// empty: all that the namespace sends or forwards.
  std::vector<Prefix> clients;
  std::vector<Prefix> others;  ///< whose packets aren't; of ranges in ranges the longest decides
  bool notes_flows = false;    ///< new flows by TCP and UDP are noted, whether open or refused
  CheckedConnections checked;

  bool operator==(const FirewallRules&) const = default;
};

/// The properties of the namespace that the rules depend on.
struct Surroundings {
  Networks networks;
  ClientLinks clients;  ///< none without clients

  bool operator==(const Surroundings&) const = default;
};

/// Everything except the tables and the sets, replacing what there was. ARCHITECTURE.md gives the
/// reason for each rule.
void add_rules(Batch& batch, const Layout& layout, const FirewallRules& rules,
               const Surroundings& around);

/// The table against packet sockets: what the namespace's own stack sends by these links passes,
/// and ARP. `flags` are those of the table.
[[nodiscard]] Batch packet_rules(const Layout& layout, const std::vector<std::string>& links,
                                 std::uint32_t flags);

}  // namespace nxgate::netfilter
