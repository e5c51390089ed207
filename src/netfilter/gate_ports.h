// The ports of a gate: 53 for whoever looks, the listeners' own where they are delivered.
#pragma once

#include <cstdint>

#include "netfilter/batch.h"

namespace nxgate::netfilter {

/// The port of DNS, by UDP and TCP.
inline constexpr std::uint16_t kDns = 53;

/// Where nxgate listens on 127.0.0.1 and ::1 inside; 0 where it doesn't, and then such questions
/// are refused.
struct GatePorts {
  std::uint16_t udp4 = 0;
  std::uint16_t tcp4 = 0;
  std::uint16_t udp6 = 0;
  std::uint16_t tcp6 = 0;
};

/// The namespace's own firewall may allow port 53 and nothing else, and a program in there may want
/// to listen at port 53 of all its addresses. So the redirect changes only the address of a
/// question, and the listeners are elsewhere:
///
/// - `to_listener` (filter, input, behind all others): what was redirected has the listener's port
///   written into it in place of 53.
/// - `from_listener` (filter, output, before conntrack): what a listener sends comes from port 53
///   again, and so does an error about a question where nobody listens any more.
///
/// Adds both chains with their rules.
void add_port_rules(Batch& batch, const GatePorts& ports);

}  // namespace nxgate::netfilter
