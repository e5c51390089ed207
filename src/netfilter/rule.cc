#include "netfilter/rule.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

#include <net/if.h>
#include <netinet/in.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/if_packet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "base/address.h"
#include "base/bytes.h"
#include "netfilter/messages.h"
#include "netfilter/rule_offsets.h"

namespace nxgate::netfilter {
namespace {

constexpr std::uint32_t kRegister = NFT_REG_1;
// Of nf_conntrack_common.h, which hides them.
constexpr std::uint32_t kEstablished = 1U << 1;
constexpr std::uint32_t kRelated = 1U << 2;
constexpr std::uint32_t kDestinationTranslated = 1U << 5;

std::uint32_t base_of(Part part) {
  switch (part) {
    case Part::kFrame:
      return NFT_PAYLOAD_LL_HEADER;
    case Part::kHeader:
      return NFT_PAYLOAD_NETWORK_HEADER;
    case Part::kMessage:
      return NFT_PAYLOAD_TRANSPORT_HEADER;
  }
  return NFT_PAYLOAD_LL_HEADER;
}

std::array<std::uint8_t, 16> mask_of(const Prefix& prefix) {
  std::array<std::uint8_t, 16> mask{};
  for (std::size_t bit = 0; bit < prefix.length(); ++bit) {
    mask[bit / 8] = static_cast<std::uint8_t>(mask[bit / 8] | 0x80U >> bit % 8);
  }
  return mask;
}

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

void Rule::load_route(std::uint32_t result, std::uint32_t flags) {
  expression("fib", [&] {
    messages_.put_number(NFTA_FIB_DREG, kRegister);
    messages_.put_number(NFTA_FIB_RESULT, result);
    messages_.put_number(NFTA_FIB_FLAGS, flags);
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

Rule& Rule::to_address(Bytes ipv4) {
  load_payload(NFT_PAYLOAD_NETWORK_HEADER, kIpv4DestinationOffset, 4);
  compare(NFT_CMP_EQ, ipv4);
  return *this;
}

void Rule::compare_link(std::uint32_t key, std::uint32_t operation, std::string_view interface) {
  std::array<std::uint8_t, IFNAMSIZ> name{};
  std::copy_n(interface.begin(), std::min(interface.size(), name.size() - 1), name.begin());
  load_meta(key);
  compare(operation, name);
}

Rule& Rule::in_by(std::string_view interface) {
  compare_link(NFT_META_IIFNAME, NFT_CMP_EQ, interface);
  return *this;
}

Rule& Rule::out_of(std::string_view interface) {
  compare_link(NFT_META_OIFNAME, NFT_CMP_EQ, interface);
  return *this;
}

Rule& Rule::not_out_of(std::string_view interface) {
  compare_link(NFT_META_OIFNAME, NFT_CMP_NEQ, interface);
  return *this;
}

Rule& Rule::out_of_those_named(std::string_view beginning) {
  load_meta(NFT_META_OIFNAME);
  compare(NFT_CMP_EQ, {reinterpret_cast<const std::uint8_t*>(beginning.data()), beginning.size()});
  return *this;
}

Rule& Rule::destination_is(std::uint32_t type) {
  load_route(NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_DADDR);
  compare(NFT_CMP_EQ, bytes_of(type));
  return *this;
}

Rule& Rule::destination_is_not(std::uint32_t type) {
  load_route(NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_DADDR);
  compare(NFT_CMP_NEQ, bytes_of(type));
  return *this;
}

Rule& Rule::source_is(std::uint32_t type) {
  load_route(NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_SADDR);
  compare(NFT_CMP_EQ, bytes_of(type));
  return *this;
}

Rule& Rule::no_way_back() {
  static constexpr std::uint32_t kNoLink = 0;
  load_route(NFT_FIB_RESULT_OIF, NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF);
  compare(NFT_CMP_EQ, bytes_of(kNoLink));
  return *this;
}

Rule& Rule::turns_back() {
  static constexpr std::uint32_t kNoLink = 0;
  load_route(NFT_FIB_RESULT_OIF, NFTA_FIB_F_DADDR | NFTA_FIB_F_IIF);
  compare(NFT_CMP_NEQ, bytes_of(kNoLink));
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
  const auto mask = mask_of(prefix);
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

Rule& Rule::known() {
  load_state(kEstablished | kRelated);
  return *this;
}

void Rule::load_state(std::uint32_t bits) {
  static constexpr std::uint32_t kNone = 0;
  expression("ct", [&] {
    messages_.put_number(NFTA_CT_DREG, kRegister);
    messages_.put_number(NFTA_CT_KEY, NFT_CT_STATE);
  });
  keep_bits(bytes_of(bits));
  compare(NFT_CMP_NEQ, bytes_of(kNone));
}

Rule& Rule::translated(Way way) {
  static constexpr std::uint32_t kNone = 0;
  expression("ct", [&] {
    messages_.put_number(NFTA_CT_DREG, kRegister);
    messages_.put_number(NFTA_CT_KEY, NFT_CT_DIRECTION);
  });
  compare(NFT_CMP_EQ, bytes_of(way));
  expression("ct", [&] {
    messages_.put_number(NFTA_CT_DREG, kRegister);
    messages_.put_number(NFTA_CT_KEY, NFT_CT_STATUS);
  });
  keep_bits(bytes_of(kDestinationTranslated));
  compare(NFT_CMP_NEQ, bytes_of(kNone));
  return *this;
}

Rule& Rule::flow_from(Way way, const Prefix& prefix) {
  load_flow_source(way, prefix);
  compare(NFT_CMP_EQ, prefix.address().bytes());
  return *this;
}

Rule& Rule::flow_not_from(Way way, const Prefix& prefix) {
  load_flow_source(way, prefix);
  compare(NFT_CMP_NEQ, prefix.address().bytes());
  return *this;
}

/// For a flow of the other family the expression ends the rule.
void Rule::load_flow_source(Way way, const Prefix& prefix) {
  expression("ct", [&] {
    messages_.put_number(NFTA_CT_DREG, kRegister);
    messages_.put_number(NFTA_CT_KEY, prefix.address().is_v4() ? NFT_CT_SRC_IP : NFT_CT_SRC_IP6);
    messages_.put(NFTA_CT_DIRECTION, bytes_of(way));
  });
  const auto mask = mask_of(prefix);
  keep_bits(Bytes(mask).first(prefix.address().bytes().size()));
}

Rule& Rule::icmp_type(std::uint8_t type) { return octets(Part::kMessage, 0, bytes_of(type)); }

Rule& Rule::octets(Part part, std::uint32_t at, Bytes value) {
  load_payload(base_of(part), at, static_cast<std::uint32_t>(value.size()));
  compare(NFT_CMP_EQ, value);
  return *this;
}

Rule& Rule::octets_are_not(Part part, std::uint32_t at, Bytes value) {
  load_payload(base_of(part), at, static_cast<std::uint32_t>(value.size()));
  compare(NFT_CMP_NEQ, value);
  return *this;
}

Rule& Rule::octets_at_most(Part part, std::uint32_t at, Bytes value) {
  load_payload(base_of(part), at, static_cast<std::uint32_t>(value.size()));
  compare(NFT_CMP_LTE, value);
  return *this;
}

Rule& Rule::bits(Part part, std::uint32_t at, Bytes mask, Bytes value) {
  load_payload(base_of(part), at, static_cast<std::uint32_t>(value.size()));
  keep_bits(mask);
  compare(NFT_CMP_EQ, value);
  return *this;
}

Rule& Rule::bits_are_not(Part part, std::uint32_t at, Bytes mask, Bytes value) {
  load_payload(base_of(part), at, static_cast<std::uint32_t>(value.size()));
  keep_bits(mask);
  compare(NFT_CMP_NEQ, value);
  return *this;
}

Rule& Rule::length(std::uint32_t octets) {
  load_meta(NFT_META_LEN);
  compare(NFT_CMP_EQ, bytes_of(octets));
  return *this;
}

Rule& Rule::has_extension(std::uint8_t protocol) {
  family(NFPROTO_IPV6);
  expression("exthdr", [&] {
    messages_.put_number(NFTA_EXTHDR_DREG, kRegister);
    messages_.put(NFTA_EXTHDR_TYPE, bytes_of(protocol));
    messages_.put_number(NFTA_EXTHDR_OFFSET, 0);
    messages_.put_number(NFTA_EXTHDR_LEN, 1);
    messages_.put_number(NFTA_EXTHDR_FLAGS, NFT_EXTHDR_F_PRESENT);
    messages_.put_number(NFTA_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
  });
  static constexpr std::uint8_t kPresent = 1;
  compare(NFT_CMP_EQ, bytes_of(kPresent));
  return *this;
}

Rule& Rule::has_socket() {
  // Without one the expression ends the rule.
  load_meta(NFT_META_SKUID);
  return *this;
}

Rule& Rule::received() {
  static constexpr std::uint8_t kHost = PACKET_HOST;
  load_meta(NFT_META_PKTTYPE);
  compare(NFT_CMP_NEQ, bytes_of(kHost));
  return *this;
}

Rule& Rule::has_route() {
  // Without a route the expression ends the rule.
  load_meta(NFT_META_RTCLASSID);
  return *this;
}

void Rule::accept() { verdict(NF_ACCEPT); }

void Rule::go_to(std::string_view chain) { verdict(NFT_GOTO, chain); }

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
