// The tables of one firewall, and reading its sets.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "netfilter/batch.h"
#include "netfilter/firewall_rules.h"
#include "netfilter/rule.h"
#include "netfilter/sources.h"

namespace nxgate::netfilter {

/// The sets of one family.
struct Sets {
  Set open;
  Set refused;
  Set flows;
  Set onward;
  Set unreachable;
  bool ipv6;
};

/// The tables `inet` and `netdev` of one name. It must not outlive the name.
struct Layout {
  explicit Layout(std::string_view table);

  [[nodiscard]] const Set& open_for(const IpAddress& address) const {
    return sets[address.is_v4() ? 0 : 1].open;
  }
  [[nodiscard]] const Set& unreachable_for(const IpAddress& address) const {
    return sets[address.is_v4() ? 0 : 1].unreachable;
  }
  [[nodiscard]] const Set& onward_for(const IpAddress& address) const {
    return sets[address.is_v4() ? 0 : 1].onward;
  }

  Table inet;
  Table netdev;
  Chain output;
  Chain errors;
  Chain forward;
  Chain judge;
  Chain neighbours;
  Chain openings;
  Chain refuse;
  Chain forged;
  SourceChains sources;
  Chain names;         ///< hooked in at output, for NAT
  Chain names_behind;  ///< the same at prerouting
  Chain checked;
  Chain packets;
  std::array<Sets, 2> sets;
};

/// The key of an element: address, protocol and port.
[[nodiscard]] std::vector<std::uint8_t> key_of(const Destination& to);
/// The key of an element of `onward`: both addresses with their ports.
[[nodiscard]] std::vector<std::uint8_t> key_of(const Onward& flow);
[[nodiscard]] std::optional<Destination> destination_in(Bytes key, bool ipv6);

}  // namespace nxgate::netfilter
