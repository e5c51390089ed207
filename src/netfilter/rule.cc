#include "netfilter/rule.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

#include <endian.h>
#include <net/if.h>
#include <netinet/in.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "netfilter/messages.h"

namespace nxgate::netfilter {
namespace {

constexpr std::uint32_t kRegister = NFT_REG_1;
constexpr std::uint32_t kDestinationPortOffset = 2;
constexpr std::uint32_t kIpv4SourceOffset = 12;
constexpr std::uint32_t kIpv4DestinationOffset = 16;
constexpr std::uint32_t kIpv6SourceOffset = 8;
constexpr std::uint32_t kIpv6DestinationOffset = 24;
constexpr std::uint32_t kEstablished = 1U << 1;  // of nf_conntrack_common.h, which hides them
constexpr std::uint32_t kRelated = 1U << 2;

/// The registers that hold a key, of four octets each, after its address.
constexpr std::uint32_t kKey = NFT_REG32_00;
constexpr std::uint32_t protocol_register(bool ipv6) { return kKey + (ipv6 ? 4 : 1); }
constexpr std::uint32_t port_register(bool ipv6) { return protocol_register(ipv6) + 1; }

Messages::Open rule_message(Messages& messages, const Chain& chain) {
  return nft_message(messages, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, chain.family);
}

Messages::Open expressions_of(Messages& messages, const Chain& chain) {
  messages.put_text(NFTA_RULE_TABLE, chain.table);
  messages.put_text(NFTA_RULE_CHAIN, chain.name);
  return messages.nest(NFTA_RULE_EXPRESSIONS);
}

}  // namespace

Messages::Open nft_message(Messages& messages, std::uint16_t type, std::uint16_t flags,
                           std::uint8_t family) {
  const nfgenmsg header{.nfgen_family = family, .version = NFNETLINK_V0, .res_id = 0};
  return messages.message(static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type), flags,
                          bytes_of(header));
}

Rule::Rule(Messages& messages, const Chain& chain)
    : messages_(messages),
      message_(rule_message(messages, chain)),
      expressions_(expressions_of(messages, chain)) {}

void Rule::expression(std::string_view name, const std::function<void()>& data) {
  const auto element = messages_.nest(NFTA_LIST_ELEM);
  messages_.put_text(NFTA_EXPR_NAME, name);
  const auto nested = messages_.nest(NFTA_EXPR_DATA);
  data();
}

void Rule::compare(std::uint32_t operation, Bytes value) {
  expression("cmp", [&] {
    messages_.put_number(NFTA_CMP_SREG, kRegister);
    messages_.put_number(NFTA_CMP_OP, operation);
    const auto data = messages_.nest(NFTA_CMP_DATA);
    messages_.put(NFTA_DATA_VALUE, value);
  });
}

void Rule::load_meta(std::uint32_t key) {
  expression("meta", [&] {
    messages_.put_number(NFTA_META_DREG, kRegister);
    messages_.put_number(NFTA_META_KEY, key);
  });
}

void Rule::load_payload(std::uint32_t base, std::uint32_t offset, std::uint32_t length) {
  expression("payload", [&] {
    messages_.put_number(NFTA_PAYLOAD_DREG, kRegister);
    messages_.put_number(NFTA_PAYLOAD_BASE, base);
    messages_.put_number(NFTA_PAYLOAD_OFFSET, offset);
    messages_.put_number(NFTA_PAYLOAD_LEN, length);
  });
}

void Rule::load_destination_type() {
  expression("fib", [&] {
    messages_.put_number(NFTA_FIB_DREG, kRegister);
    messages_.put_number(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    messages_.put_number(NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
  });
}

Rule& Rule::family(std::uint8_t nfproto) {
  load_meta(NFT_META_NFPROTO);
  compare(NFT_CMP_EQ, bytes_of(nfproto));
  return *this;
}

Rule& Rule::protocol(std::uint8_t protocol) {
  load_meta(NFT_META_L4PROTO);
  compare(NFT_CMP_EQ, bytes_of(protocol));
  return *this;
}

Rule& Rule::protocol_is_not(std::uint8_t protocol) {
  load_meta(NFT_META_L4PROTO);
  compare(NFT_CMP_NEQ, bytes_of(protocol));
  return *this;
}

Rule& Rule::to_port(std::uint16_t port) {
  const std::uint16_t network_order = htons(port);
  load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, kDestinationPortOffset, sizeof port);
  compare(NFT_CMP_EQ, bytes_of(network_order));
  return *this;
}

Rule& Rule::to_address(Bytes ipv4) {
  load_payload(NFT_PAYLOAD_NETWORK_HEADER, kIpv4DestinationOffset, 4);
  compare(NFT_CMP_EQ, ipv4);
  return *this;
}

Rule& Rule::out_of(std::string_view interface) {
  std::array<std::uint8_t, IFNAMSIZ> name{};
  std::copy_n(interface.begin(), std::min(interface.size(), name.size() - 1), name.begin());
  load_meta(NFT_META_OIFNAME);
  compare(NFT_CMP_EQ, name);
  return *this;
}

Rule& Rule::destination_is(std::uint32_t type) {
  load_destination_type();
  compare(NFT_CMP_EQ, bytes_of(type));
  return *this;
}

Rule& Rule::destination_is_not(std::uint32_t type) {
  load_destination_type();
  compare(NFT_CMP_NEQ, bytes_of(type));
  return *this;
}

Rule& Rule::to(const Prefix& prefix) {
  compare_address(prefix, kIpv4DestinationOffset, kIpv6DestinationOffset);
  return *this;
}

Rule& Rule::from(const Prefix& prefix) {
  compare_address(prefix, kIpv4SourceOffset, kIpv6SourceOffset);
  return *this;
}

void Rule::compare_address(const Prefix& prefix, std::uint32_t offset4, std::uint32_t offset6) {
  const IpAddress& first = prefix.address();
  const Bytes address = first.bytes();
  std::array<std::uint8_t, 16> mask{};
  for (std::size_t bit = 0; bit < prefix.length(); ++bit) {
    mask[bit / 8] = static_cast<std::uint8_t>(mask[bit / 8] | 0x80U >> bit % 8);
  }
  family(first.is_v4() ? NFPROTO_IPV4 : NFPROTO_IPV6);
  load_payload(NFT_PAYLOAD_NETWORK_HEADER, first.is_v4() ? offset4 : offset6,
               static_cast<std::uint32_t>(address.size()));
  keep_bits(Bytes(mask).first(address.size()));
  compare(NFT_CMP_EQ, address);
}

void Rule::keep_bits(Bytes mask) {
  static constexpr std::array<std::uint8_t, 16> kNothing{};
  expression("bitwise", [&] {
    messages_.put_number(NFTA_BITWISE_SREG, kRegister);
    messages_.put_number(NFTA_BITWISE_DREG, kRegister);
    messages_.put_number(NFTA_BITWISE_LEN, static_cast<std::uint32_t>(mask.size()));
    {
      const auto data = messages_.nest(NFTA_BITWISE_MASK);
      messages_.put(NFTA_DATA_VALUE, mask);
    }
    const auto data = messages_.nest(NFTA_BITWISE_XOR);
    messages_.put(NFTA_DATA_VALUE, Bytes(kNothing).first(mask.size()));
  });
}

Rule& Rule::established() {
  load_state(kEstablished);
  return *this;
}

Rule& Rule::related() {
  load_state(kRelated);
  return *this;
}

void Rule::load_state(std::uint32_t bit) {
  expression("ct", [&] {
    messages_.put_number(NFTA_CT_DREG, kRegister);
    messages_.put_number(NFTA_CT_KEY, NFT_CT_STATE);
  });
  keep_bits(bytes_of(bit));
  compare(NFT_CMP_EQ, bytes_of(bit));
}

Rule& Rule::icmp_type(std::uint8_t first, std::uint8_t last) {
  load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
  compare(NFT_CMP_GTE, bytes_of(first));
  compare(NFT_CMP_LTE, bytes_of(last));
  return *this;
}

Rule& Rule::has_route() {
  // Without a route the expression ends the rule.
  load_meta(NFT_META_RTCLASSID);
  return *this;
}

Rule& Rule::ethernet_type(std::uint16_t type) {
  const std::uint16_t network_order = htons(type);
  load_meta(NFT_META_PROTOCOL);
  compare(NFT_CMP_EQ, bytes_of(network_order));
  return *this;
}

void Rule::load_destination(bool ipv6) {
  family(ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
  expression("payload", [&] {
    messages_.put_number(NFTA_PAYLOAD_DREG, kKey);
    messages_.put_number(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
    messages_.put_number(NFTA_PAYLOAD_OFFSET,
                         ipv6 ? kIpv6DestinationOffset : kIpv4DestinationOffset);
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

void Rule::load_port(bool ipv6) {
  expression("payload", [&] {
    messages_.put_number(NFTA_PAYLOAD_DREG, port_register(ipv6));
    messages_.put_number(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
    messages_.put_number(NFTA_PAYLOAD_OFFSET, kDestinationPortOffset);
    messages_.put_number(NFTA_PAYLOAD_LEN, 2);
  });
}

void Rule::look_up(std::string_view set) {
  expression("lookup", [&] {
    messages_.put_text(NFTA_LOOKUP_SET, set);
    messages_.put_number(NFTA_LOOKUP_SREG, kKey);
  });
}

Rule& Rule::to_port_in(std::string_view set, bool ipv6) {
  load_destination(ipv6);
  load_protocol(ipv6);
  load_port(ipv6);
  look_up(set);
  return *this;
}

Rule& Rule::to_any_in(std::string_view set, bool ipv6) {
  load_destination(ipv6);
  load_number(protocol_register(ipv6), 0);
  load_number(port_register(ipv6), 0);
  look_up(set);
  return *this;
}

Rule& Rule::note_in(std::string_view set, bool ipv6, bool port, Milliseconds life) {
  load_destination(ipv6);
  load_protocol(ipv6);
  if (port) {
    load_port(ipv6);
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
  return *this;
}

void Rule::accept() { verdict(NF_ACCEPT); }

void Rule::go_to(std::string_view chain) { verdict(NFT_GOTO, chain); }

void Rule::redirect(std::uint16_t port) {
  const std::uint16_t network_order = htons(port);
  expression("immediate", [&] {
    messages_.put_number(NFTA_IMMEDIATE_DREG, kRegister);
    const auto data = messages_.nest(NFTA_IMMEDIATE_DATA);
    messages_.put(NFTA_DATA_VALUE, bytes_of(network_order));
  });
  expression("redir", [&] { messages_.put_number(NFTA_REDIR_REG_PROTO_MIN, kRegister); });
}

void Rule::refuse(std::uint32_t type, std::uint8_t code) {
  expression("reject", [&] {
    messages_.put_number(NFTA_REJECT_TYPE, type);
    if (type != NFT_REJECT_TCP_RST) messages_.put(NFTA_REJECT_ICMP_CODE, bytes_of(code));
  });
}

void Rule::reset() { refuse(NFT_REJECT_TCP_RST, 0); }

void Rule::reject(std::uint8_t code) { refuse(NFT_REJECT_ICMPX_UNREACH, code); }

void Rule::drop() { verdict(NF_DROP); }

void Rule::leave() { verdict(NFT_RETURN); }

void Rule::verdict(std::int32_t code, std::string_view chain) {
  expression("immediate", [&] {
    messages_.put_number(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    const auto data = messages_.nest(NFTA_IMMEDIATE_DATA);
    const auto nested = messages_.nest(NFTA_DATA_VERDICT);
    messages_.put_number(NFTA_VERDICT_CODE, static_cast<std::uint32_t>(code));
    if (!chain.empty()) messages_.put_text(NFTA_VERDICT_CHAIN, chain);
  });
}

}  // namespace nxgate::netfilter
