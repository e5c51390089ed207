// The part of a rule that is about sets: a destination or a source as the key of an element.
#include <array>
#include <cstdint>
#include <string_view>

#include <endian.h>
#include <netinet/in.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "netfilter/rule.h"
#include "netfilter/rule_offsets.h"

namespace nxgate::netfilter {
namespace {

/// The registers that hold a key, of four octets each, after its address.
constexpr std::uint32_t kKey = NFT_REG32_00;
constexpr std::uint32_t protocol_register(bool ipv6) { return kKey + (ipv6 ? 4 : 1); }
constexpr std::uint32_t port_register(bool ipv6) { return protocol_register(ipv6) + 1; }

}  // namespace

void Rule::load_address(bool ipv6, bool source) {
  const std::uint32_t offset4 = source ? kIpv4SourceOffset : kIpv4DestinationOffset;
  const std::uint32_t offset6 = source ? kIpv6SourceOffset : kIpv6DestinationOffset;
  family(ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
  expression("payload", [&] {
    messages_.put_number(NFTA_PAYLOAD_DREG, kKey);
    messages_.put_number(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
    messages_.put_number(NFTA_PAYLOAD_OFFSET, ipv6 ? offset6 : offset4);
    messages_.put_number(NFTA_PAYLOAD_LEN, ipv6 ? 16 : 4);
  });
}

void Rule::load_number(std::uint32_t reg, std::uint32_t number) {
  expression("immediate", [&] {
    messages_.put_number(NFTA_IMMEDIATE_DREG, reg);
    const auto data = messages_.nest(NFTA_IMMEDIATE_DATA);
    messages_.put(NFTA_DATA_VALUE, bytes_of(number));
  });
}

void Rule::load_protocol(bool ipv6) {
  expression("meta", [&] {
    messages_.put_number(NFTA_META_DREG, protocol_register(ipv6));
    messages_.put_number(NFTA_META_KEY, NFT_META_L4PROTO);
  });
}

void Rule::load_port(bool ipv6, bool source) {
  expression("payload", [&] {
    messages_.put_number(NFTA_PAYLOAD_DREG, port_register(ipv6));
    messages_.put_number(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
    messages_.put_number(NFTA_PAYLOAD_OFFSET, source ? kSourcePortOffset : kDestinationPortOffset);
    messages_.put_number(NFTA_PAYLOAD_LEN, 2);
  });
}

/// Source, its port, destination, its port.
void Rule::load_flow(bool ipv6) {
  const std::uint32_t words = ipv6 ? 4 : 1;
  family(ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
  std::uint32_t next = kKey;
  const auto load = [&](std::uint32_t base, std::uint32_t offset, std::uint32_t length) {
    expression("payload", [&] {
      messages_.put_number(NFTA_PAYLOAD_DREG, next);
      messages_.put_number(NFTA_PAYLOAD_BASE, base);
      messages_.put_number(NFTA_PAYLOAD_OFFSET, offset);
      messages_.put_number(NFTA_PAYLOAD_LEN, length);
    });
    next += (length + 3) / 4;
  };
  load(NFT_PAYLOAD_NETWORK_HEADER, ipv6 ? kIpv6SourceOffset : kIpv4SourceOffset, 4 * words);
  load(NFT_PAYLOAD_TRANSPORT_HEADER, kSourcePortOffset, 2);
  load(NFT_PAYLOAD_NETWORK_HEADER, ipv6 ? kIpv6DestinationOffset : kIpv4DestinationOffset,
       4 * words);
  load(NFT_PAYLOAD_TRANSPORT_HEADER, kDestinationPortOffset, 2);
}

void Rule::look_up(std::string_view set, std::uint32_t flags) {
  expression("lookup", [&] {
    messages_.put_text(NFTA_LOOKUP_SET, set);
    messages_.put_number(NFTA_LOOKUP_SREG, kKey);
    if (flags != 0) messages_.put_number(NFTA_LOOKUP_FLAGS, flags);
  });
}

Rule& Rule::flow_in(std::string_view set, bool ipv6) {
  load_flow(ipv6);
  look_up(set);
  return *this;
}

Rule& Rule::flow_not_in(std::string_view set, bool ipv6) {
  load_flow(ipv6);
  look_up(set, NFT_LOOKUP_F_INV);
  return *this;
}

Rule& Rule::to_port_in(std::string_view set, bool ipv6) {
  load_address(ipv6, false);
  load_protocol(ipv6);
  load_port(ipv6, false);
  look_up(set);
  return *this;
}

Rule& Rule::to_any_in(std::string_view set, bool ipv6) {
  load_address(ipv6, false);
  load_number(protocol_register(ipv6), 0);
  load_number(port_register(ipv6), 0);
  look_up(set);
  return *this;
}

void Rule::note(std::string_view set, bool ipv6, bool source, bool port, Milliseconds life) {
  load_address(ipv6, source);
  load_protocol(ipv6);
  if (port) {
    load_port(ipv6, source);
  } else {
    load_number(port_register(ipv6), 0);
  }
  expression("dynset", [&] {
    messages_.put_text(NFTA_DYNSET_SET_NAME, set);
    messages_.put_number(NFTA_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
    messages_.put_number(NFTA_DYNSET_SREG_KEY, kKey);
    const std::uint64_t network_order = htobe64(static_cast<std::uint64_t>(life.count()));
    messages_.put(NFTA_DYNSET_TIMEOUT, bytes_of(network_order));
    const auto counter = messages_.nest(NFTA_DYNSET_EXPR);
    messages_.put_text(NFTA_EXPR_NAME, "counter");
  });
}

Rule& Rule::note_in(std::string_view set, bool ipv6, bool port, Milliseconds life) {
  note(set, ipv6, false, port, life);
  return *this;
}

Rule& Rule::note_source_in(std::string_view set, bool ipv6, bool port, Milliseconds life) {
  note(set, ipv6, true, port, life);
  return *this;
}

}  // namespace nxgate::netfilter
