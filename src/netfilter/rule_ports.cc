// The part of a rule that is about ports: those of a packet, and those that are written into it.
#include <cstdint>

#include <netinet/in.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netfilter/nf_tables.h>

#include "netfilter/messages.h"
#include "netfilter/rule.h"
#include "netfilter/rule_offsets.h"

namespace nxgate::netfilter {

Rule& Rule::to_port(std::uint16_t port) {
  const std::uint16_t network_order = htons(port);
  return octets(Part::kMessage, kDestinationPortOffset, bytes_of(network_order));
}

Rule& Rule::from_port(std::uint16_t port) {
  const std::uint16_t network_order = htons(port);
  return octets(Part::kMessage, kSourcePortOffset, bytes_of(network_order));
}

void Rule::redirect() {
  expression("redir", [] {});
}

void Rule::redirect(std::uint16_t port) {
  const std::uint16_t network_order = htons(port);
  expression("immediate", [&] {
    messages_.put_number(NFTA_IMMEDIATE_DREG, NFT_REG_1);
    const auto data = messages_.nest(NFTA_IMMEDIATE_DATA);
    messages_.put(NFTA_DATA_VALUE, bytes_of(network_order));
  });
  expression("redir", [this] { messages_.put_number(NFTA_REDIR_REG_PROTO_MIN, NFT_REG_1); });
}

void Rule::write_port(const PortField& field, std::uint16_t port) {
  const std::uint16_t network_order = htons(port);
  expression("immediate", [&] {
    messages_.put_number(NFTA_IMMEDIATE_DREG, NFT_REG_1);
    const auto data = messages_.nest(NFTA_IMMEDIATE_DATA);
    messages_.put(NFTA_DATA_VALUE, bytes_of(network_order));
  });
  expression("payload", [&] {
    messages_.put_number(NFTA_PAYLOAD_SREG, NFT_REG_1);
    messages_.put_number(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
    messages_.put_number(NFTA_PAYLOAD_OFFSET, field.at);
    messages_.put_number(NFTA_PAYLOAD_LEN, sizeof port);
    if (field.checksum_at == 0) return;
    messages_.put_number(NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
    messages_.put_number(NFTA_PAYLOAD_CSUM_OFFSET, field.checksum_at);
  });
}

}  // namespace nxgate::netfilter
