#include "netfilter/gate_ports.h"

#include <array>
#include <cstdint>
#include <string_view>

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>

#include "base/address.h"
#include "helper/netlink_check.h"
#include "netfilter/batch.h"
#include "netfilter/messages.h"
#include "netfilter/priorities.h"
#include "netfilter/rule.h"
#include "netfilter/rule_offsets.h"

namespace nxgate::netfilter {
namespace {

constexpr Chain kToListener{NFPROTO_INET, helper::kOurTables, "to_listener"};
constexpr Chain kFromListener{NFPROTO_INET, helper::kOurTables, "from_listener"};

constexpr std::uint32_t kUdpChecksumAt = 6;
constexpr std::uint32_t kTcpChecksumAt = 16;
constexpr std::array<std::uint8_t, 2> kNoChecksum{0, 0};

struct Listener {
  const char* address;
  std::uint8_t protocol;
  std::uint32_t checksum_at;
  std::uint16_t GatePorts::* port;
};
constexpr std::array<Listener, 4> kListeners{{
    {"127.0.0.1", IPPROTO_UDP, kUdpChecksumAt, &GatePorts::udp4},
    {"127.0.0.1", IPPROTO_TCP, kTcpChecksumAt, &GatePorts::tcp4},
    {"::1", IPPROTO_UDP, kUdpChecksumAt, &GatePorts::udp6},
    {"::1", IPPROTO_TCP, kTcpChecksumAt, &GatePorts::tcp6},
}};

/// An error about a datagram has that behind a header of its own.
constexpr std::uint32_t kErrorHeader = 8;
constexpr std::uint32_t kErrorChecksumAt = 2;
struct ErrorAbout {
  const char* address;
  std::uint8_t protocol;  ///< of the error
  std::uint8_t type;
  std::uint32_t header;       ///< octets of the datagram's, without options
  std::uint32_t protocol_at;  ///< in that
  std::uint16_t GatePorts::* port;
};
constexpr std::array<ErrorAbout, 2> kErrorsAbout{{
    {"127.0.0.1", IPPROTO_ICMP, ICMP_DEST_UNREACH, 20, 9, &GatePorts::udp4},
    {"::1", IPPROTO_ICMPV6, ICMP6_DST_UNREACH, 40, 6, &GatePorts::udp6},
}};

void add_towards(Messages& messages, const Listener& listener, std::uint16_t port) {
  const auto redirected = [&](Rule& rule) -> Rule& {
    return rule.in_by("lo")
        .protocol(listener.protocol)
        .to_port(kDns)
        .to(*Prefix::parse(listener.address))
        .translated(Way::kForth);
  };
  if (listener.protocol == IPPROTO_UDP) {
    // A datagram may have none, and must not get one.
    Rule rule(messages, kToListener);
    redirected(rule)
        .octets(Part::kMessage, kUdpChecksumAt, kNoChecksum)
        .write_port({kDestinationPortOffset, 0}, port);
  }
  Rule rule(messages, kToListener);
  redirected(rule).write_port({kDestinationPortOffset, listener.checksum_at}, port);
}

void add_back(Messages& messages, const Listener& listener, std::uint16_t port) {
  Rule(messages, kFromListener)
      .protocol(listener.protocol)
      .from_port(port)
      .from(*Prefix::parse(listener.address))
      .write_port({kSourcePortOffset, listener.checksum_at}, kDns);
}

/// So that whoever asks fails at once: conntrack must find the flow by what the error is about.
void add_error(Messages& messages, const ErrorAbout& error, std::uint16_t port) {
  static constexpr std::uint8_t kUdp = IPPROTO_UDP;
  const std::uint16_t network_order = htons(port);
  const std::uint32_t port_at = kErrorHeader + error.header + kDestinationPortOffset;
  Rule(messages, kFromListener)
      .protocol(error.protocol)
      .icmp_type(error.type)
      .octets(Part::kMessage, kErrorHeader + error.protocol_at, bytes_of(kUdp))
      .octets(Part::kMessage, port_at, bytes_of(network_order))
      .from(*Prefix::parse(error.address))
      .write_port({port_at, kErrorChecksumAt}, kDns);
}

}  // namespace

void add_port_rules(Batch& batch, const GatePorts& ports) {
  Messages& messages = batch.messages();
  batch.add_chain(kToListener, {"filter", NF_INET_LOCAL_IN, kBehindNat});
  batch.add_chain(kFromListener, {"filter", NF_INET_LOCAL_OUT, NF_IP_PRI_RAW});
  for (const Listener& listener : kListeners) {
    const std::uint16_t port = ports.*listener.port;
    if (port == 0) continue;
    add_towards(messages, listener, port);
    add_back(messages, listener, port);
  }
  for (const ErrorAbout& error : kErrorsAbout) {
    if (ports.*error.port != 0) add_error(messages, error, ports.*error.port);
  }
}

}  // namespace nxgate::netfilter
