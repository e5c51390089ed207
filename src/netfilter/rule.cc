#include "netfilter/rule.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

#include <net/if.h>
#include <netinet/in.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "base/bytes.h"
#include "netfilter/messages.h"

namespace nxgate::netfilter {
namespace {

constexpr std::uint32_t kRegister = NFT_REG_1;
constexpr std::uint32_t kDestinationPortOffset = 2;
constexpr std::uint32_t kIpv4DestinationOffset = 16;

Messages::Open rule_message(Messages& messages, const Chain& chain) {
  return nft_message(messages, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK,
                     chain.family);
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

void Rule::verdict(std::int32_t code) {
  expression("immediate", [&] {
    messages_.put_number(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    const auto data = messages_.nest(NFTA_IMMEDIATE_DATA);
    const auto nested = messages_.nest(NFTA_DATA_VERDICT);
    messages_.put_number(NFTA_VERDICT_CODE, static_cast<std::uint32_t>(code));
  });
}

}  // namespace nxgate::netfilter
