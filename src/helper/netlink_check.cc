#include "helper/netlink_check.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/bytes.h"
#include "helper/our_tables.h"

namespace nxgate::helper {
namespace {

/// Types of attributes, a bit each.
using Types = std::uint32_t;
constexpr std::uint16_t kMostTypes = 32;

template <class... Each>
constexpr Types types(Each... each) {
  return (0U | ... | (1U << static_cast<unsigned>(each)));
}

/// Flags beside those that any message may have.
constexpr std::uint16_t kAnyFlags = NLM_F_REQUEST | NLM_F_ACK;
constexpr std::uint16_t kAdding = NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND;
constexpr std::uint16_t kListing = NLM_F_DUMP;

/// The attributes of a body, each once at most.
struct Attributes {
  Types present = 0;
  std::array<Bytes, kMostTypes> values{};
};

/// A message that may be sent.
struct Form {
  std::uint16_t type;
  std::uint16_t flags;  ///< of which it may have any; of kListing it must have both
  std::size_t header;   ///< octets between the header of netlink and the attributes
  Types needed = 0;
  Types allowed = 0;  ///< besides
  /// What header and attributes must say as well; null for nothing.
  bool (*says)(Bytes header, const Attributes& attributes) noexcept = nullptr;
};

constexpr std::uint16_t nft(int type) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type);
}
constexpr std::uint16_t conntrack(int type) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | type);
}

/// That of a table's name is 1 in all messages about what is in a table.
constexpr std::uint16_t kTableName = NFTA_TABLE_NAME;
static_assert(NFTA_CHAIN_TABLE == kTableName && NFTA_RULE_TABLE == kTableName &&
              NFTA_SET_TABLE == kTableName && NFTA_SET_ELEM_LIST_TABLE == kTableName);

constexpr std::size_t kNfHeader = sizeof(nfgenmsg);
constexpr Types kChain = types(NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME);
constexpr Types kRules = types(NFTA_RULE_TABLE, NFTA_RULE_CHAIN);
constexpr Types kSet = types(NFTA_SET_TABLE, NFTA_SET_NAME);
constexpr Types kElements = types(NFTA_SET_ELEM_LIST_TABLE, NFTA_SET_ELEM_LIST_SET);

/// A table that is deleted by its handle, or a flow by no tuple, would be anybody's.
constexpr auto kNetfilter = std::to_array<Form>({
    {NFNL_MSG_BATCH_BEGIN, 0, kNfHeader},
    {NFNL_MSG_BATCH_END, 0, kNfHeader},
    {nft(NFT_MSG_NEWTABLE), kAdding, kNfHeader, types(NFTA_TABLE_NAME),
     types(NFTA_TABLE_FLAGS, NFTA_TABLE_USERDATA)},
    {nft(NFT_MSG_DELTABLE), 0, kNfHeader, types(NFTA_TABLE_NAME)},
    {nft(NFT_MSG_GETTABLE), kListing, kNfHeader},
    {nft(NFT_MSG_NEWCHAIN), kAdding, kNfHeader, kChain, types(NFTA_CHAIN_TYPE, NFTA_CHAIN_HOOK)},
    {nft(NFT_MSG_NEWRULE), kAdding, kNfHeader, kRules | types(NFTA_RULE_EXPRESSIONS)},
    {nft(NFT_MSG_DELRULE), 0, kNfHeader, kRules},
    {nft(NFT_MSG_NEWSET), kAdding, kNfHeader, kSet,
     types(NFTA_SET_ID, NFTA_SET_FLAGS, NFTA_SET_KEY_TYPE, NFTA_SET_KEY_LEN, NFTA_SET_DESC)},
    {nft(NFT_MSG_NEWSETELEM), kAdding, kNfHeader, kElements | types(NFTA_SET_ELEM_LIST_ELEMENTS)},
    {nft(NFT_MSG_DELSETELEM), 0, kNfHeader, kElements | types(NFTA_SET_ELEM_LIST_ELEMENTS)},
    {nft(NFT_MSG_GETSETELEM), kListing, kNfHeader, kElements},
    {conntrack(IPCTNL_MSG_CT_GET), kListing, kNfHeader},
    {conntrack(IPCTNL_MSG_CT_GET_STATS), 0, kNfHeader},
    {conntrack(IPCTNL_MSG_CT_DELETE), 0, kNfHeader, types(CTA_TUPLE_ORIG)},
});

template <class Wanted>
bool is(Bytes value, const Wanted& wanted) noexcept {
  return value.size() == sizeof wanted && std::memcmp(value.data(), &wanted, sizeof wanted) == 0;
}

bool is_our_route(Bytes header, const Attributes& attributes) noexcept {
  return is(header, our_route()) && is(attributes.values[RTA_OIF], kLoopbackLink) &&
         is(attributes.values[RTA_PRIORITY], kOurRouteMetric) &&
         is(attributes.values[RTA_PREFSRC], kLoopbackAddress);
}

bool brings_up_lo(Bytes header, const Attributes& /*none*/) noexcept {
  return is(header, loopback_up());
}

constexpr Types kRoute = types(RTA_OIF, RTA_PRIORITY, RTA_PREFSRC);
constexpr auto kRouting = std::to_array<Form>({
    {RTM_GETLINK, kListing, sizeof(ifinfomsg)},
    {RTM_GETADDR, kListing, sizeof(ifaddrmsg)},
    {RTM_NEWLINK, 0, sizeof(ifinfomsg), 0, 0, brings_up_lo},
    {RTM_GETROUTE, kListing, sizeof(rtmsg)},
    {RTM_NEWROUTE, kAdding, sizeof(rtmsg), kRoute, 0, is_our_route},
    {RTM_DELROUTE, 0, sizeof(rtmsg), kRoute, 0, is_our_route},
});

/// One of the kernel's expressions, and what may be said in it.
struct Expression {
  std::string_view name;
  Types allowed;
};

/// Those that the rules of the netfilter room need, and as they need them: what writes into what is
/// known of a packet is left out, and into the packet itself only ports are written (kPortWrite).
constexpr auto kExpressions = std::to_array<Expression>({
    {"bitwise", types(NFTA_BITWISE_SREG, NFTA_BITWISE_DREG, NFTA_BITWISE_LEN, NFTA_BITWISE_MASK,
                      NFTA_BITWISE_XOR)},
    {"cmp", types(NFTA_CMP_SREG, NFTA_CMP_OP, NFTA_CMP_DATA)},
    {"ct", types(NFTA_CT_DREG, NFTA_CT_KEY, NFTA_CT_DIRECTION)},
    {"dynset", types(NFTA_DYNSET_SET_NAME, NFTA_DYNSET_OP, NFTA_DYNSET_SREG_KEY,
                     NFTA_DYNSET_TIMEOUT, NFTA_DYNSET_EXPR)},
    {"exthdr", types(NFTA_EXTHDR_DREG, NFTA_EXTHDR_TYPE, NFTA_EXTHDR_OFFSET, NFTA_EXTHDR_LEN,
                     NFTA_EXTHDR_FLAGS, NFTA_EXTHDR_OP)},
    {"fib", types(NFTA_FIB_DREG, NFTA_FIB_RESULT, NFTA_FIB_FLAGS)},
    {"immediate", types(NFTA_IMMEDIATE_DREG, NFTA_IMMEDIATE_DATA)},
    {"lookup", types(NFTA_LOOKUP_SET, NFTA_LOOKUP_SREG, NFTA_LOOKUP_FLAGS)},
    {"meta", types(NFTA_META_DREG, NFTA_META_KEY)},
    {"payload", types(NFTA_PAYLOAD_DREG, NFTA_PAYLOAD_BASE, NFTA_PAYLOAD_OFFSET, NFTA_PAYLOAD_LEN)},
    {"redir", types(NFTA_REDIR_REG_PROTO_MIN)},
    {"reject", types(NFTA_REJECT_TYPE, NFTA_REJECT_ICMP_CODE)},
});
/// A port, of a message or of that which an ICMP error is about, and a checksum of that message.
constexpr Types kPortWrite =
    types(NFTA_PAYLOAD_SREG, NFTA_PAYLOAD_BASE, NFTA_PAYLOAD_OFFSET, NFTA_PAYLOAD_LEN,
          NFTA_PAYLOAD_CSUM_TYPE, NFTA_PAYLOAD_CSUM_OFFSET);
constexpr std::array<std::uint32_t, 4> kPortsAt{0, 2, 8 + 20 + 2, 8 + 40 + 2};
constexpr std::array<std::uint32_t, 3> kChecksumsAt{2, 6, 16};  // of ICMP, UDP, TCP
constexpr std::uint32_t kPortSize = 2;
constexpr std::array<std::int32_t, 4> kVerdicts{NF_ACCEPT, NF_DROP, NFT_GOTO, NFT_RETURN};
constexpr Types kElement = types(NFTA_SET_ELEM_KEY, NFTA_SET_ELEM_TIMEOUT, NFTA_SET_ELEM_USERDATA);

template <class Value>
Value value_at(Bytes bytes, std::size_t at = 0) noexcept {
  Value value{};
  if (at + sizeof value <= bytes.size()) std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

/// Calls `each` with the type and the value of all attributes. False if one doesn't fit, or if
/// `each` says so of one.
template <class Each>
bool all_attributes(Bytes body, Each each) noexcept {
  while (!body.empty()) {
    if (body.size() < sizeof(nlattr)) return false;
    const auto head = value_at<nlattr>(body);
    if (head.nla_len < sizeof head || head.nla_len > body.size()) return false;
    const auto type = static_cast<std::uint16_t>(head.nla_type & NLA_TYPE_MASK);
    if (!each(type, body.first(head.nla_len).subspan(sizeof head))) return false;
    body = body.subspan(std::min<std::size_t>(NLA_ALIGN(head.nla_len), body.size()));
  }
  return true;
}

std::optional<Attributes> attributes_in(Bytes body) noexcept {
  Attributes found;
  const bool whole = all_attributes(body, [&found](std::uint16_t type, Bytes value) {
    if (type >= kMostTypes || (found.present & types(type)) != 0) return false;
    found.present |= types(type);
    found.values[type] = value;
    return true;
  });
  return whole ? std::optional(found) : std::nullopt;
}

std::string_view text_of(Bytes value) noexcept {
  const std::string_view text(reinterpret_cast<const char*>(value.data()), value.size());
  return text.substr(0, text.find('\0'));
}

/// A value, or a verdict that neither queues a packet nor calls a chain.
bool is_plain_data(Bytes value) noexcept {
  const auto data = attributes_in(value);
  if (!data || (data->present & ~types(NFTA_DATA_VALUE, NFTA_DATA_VERDICT)) != 0) return false;
  if ((data->present & types(NFTA_DATA_VERDICT)) == 0) return true;
  const auto verdict = attributes_in(data->values[NFTA_DATA_VERDICT]);
  if (!verdict || (verdict->present & ~types(NFTA_VERDICT_CODE, NFTA_VERDICT_CHAIN)) != 0) {
    return false;
  }
  const auto code = ntohl(value_at<std::uint32_t>(verdict->values[NFTA_VERDICT_CODE]));
  return std::ranges::find(kVerdicts, static_cast<std::int32_t>(code)) != kVerdicts.end();
}

/// A counter, of which nothing more is said.
bool is_counter(Bytes value) noexcept {
  const auto parts = attributes_in(value);
  return parts && parts->present == types(NFTA_EXPR_NAME) &&
         text_of(parts->values[NFTA_EXPR_NAME]) == "counter";
}

std::uint32_t number_in(Bytes value) noexcept {
  return value.size() == sizeof(std::uint32_t) ? ntohl(value_at<std::uint32_t>(value)) : 0;
}

bool writes_port(const Attributes& payload) noexcept {
  const auto number = [&payload](std::uint16_t type) { return number_in(payload.values[type]); };
  const auto is_any_of = [](const auto& all, std::uint32_t value) {
    return std::ranges::find(all, value) != all.end();
  };
  const bool with_checksum = (payload.present & types(NFTA_PAYLOAD_CSUM_TYPE)) != 0;
  const Types wanted = with_checksum
                           ? kPortWrite
                           : kPortWrite & ~types(NFTA_PAYLOAD_CSUM_TYPE, NFTA_PAYLOAD_CSUM_OFFSET);
  return payload.present == wanted && number(NFTA_PAYLOAD_BASE) == NFT_PAYLOAD_TRANSPORT_HEADER &&
         number(NFTA_PAYLOAD_LEN) == kPortSize &&
         is_any_of(kPortsAt, number(NFTA_PAYLOAD_OFFSET)) &&
         (!with_checksum || (number(NFTA_PAYLOAD_CSUM_TYPE) == NFT_PAYLOAD_CSUM_INET &&
                             is_any_of(kChecksumsAt, number(NFTA_PAYLOAD_CSUM_OFFSET))));
}

bool is_known_expression(std::uint16_t type, Bytes value, RuleEffects& effects) noexcept {
  const auto parts = attributes_in(value);
  if (type != NFTA_LIST_ELEM || !parts ||
      (parts->present & ~types(NFTA_EXPR_NAME, NFTA_EXPR_DATA)) != 0) {
    return false;
  }
  const auto known =
      std::ranges::find(kExpressions, text_of(parts->values[NFTA_EXPR_NAME]), &Expression::name);
  const auto said = attributes_in(parts->values[NFTA_EXPR_DATA]);
  if (known == kExpressions.end() || !said) return false;
  if (known->name == "payload" && (said->present & types(NFTA_PAYLOAD_SREG)) != 0) {
    effects.writes_port = true;
    return writes_port(*said);
  }
  if (known->name == "redir" && said->present != 0) effects.redirects_to_port = true;
  if ((said->present & ~known->allowed) != 0) return false;
  if (known->name == "immediate") return is_plain_data(said->values[NFTA_IMMEDIATE_DATA]);
  const bool nested = known->name == "dynset" && (said->present & types(NFTA_DYNSET_EXPR)) != 0;
  return !nested || is_counter(said->values[NFTA_DYNSET_EXPR]);
}

bool is_plain_element(std::uint16_t type, Bytes value) noexcept {
  const auto parts = attributes_in(value);
  return type == NFTA_LIST_ELEM && parts && (parts->present & ~kElement) == 0;
}

/// Of a chain that has one. Links are those of a netdev chain, by their names.
std::optional<OurHook> hook_in(const Attributes& chain) noexcept {
  const auto hook = attributes_in(chain.values[NFTA_CHAIN_HOOK]);
  constexpr Types kPlace = types(NFTA_HOOK_HOOKNUM, NFTA_HOOK_PRIORITY);
  if (!hook || (hook->present & kPlace) != kPlace ||
      (hook->present & ~(kPlace | types(NFTA_HOOK_DEVS))) != 0) {
    return OurHook{};  // which is none of ours
  }
  return OurHook{text_of(chain.values[NFTA_CHAIN_TYPE]), number_in(hook->values[NFTA_HOOK_HOOKNUM]),
                 static_cast<std::int32_t>(number_in(hook->values[NFTA_HOOK_PRIORITY]))};
}

/// How many elements a set may have at most; 0 if that isn't all that is said of it.
std::uint32_t size_in(Bytes description) noexcept {
  const auto said = attributes_in(description);
  if (!said || said->present != types(NFTA_SET_DESC_SIZE)) return 0;
  return number_in(said->values[NFTA_SET_DESC_SIZE]);
}

/// Whether all elements of this list are plain, which are counted.
bool are_plain_elements(Bytes list, std::size_t& count) noexcept {
  return all_attributes(list, [&count](std::uint16_t type, Bytes value) {
    ++count;
    return is_plain_element(type, value);
  });
}

/// A message about tables, in its place in the transaction.
bool continues(OurTransaction& transaction, std::uint16_t type, std::uint8_t family,
               const Attributes& said) noexcept {
  if (type == nft(NFT_MSG_GETTABLE)) return true;
  if (!transaction.table(family, text_of(said.values[kTableName]))) return false;
  const auto text = [&said](std::uint16_t attribute) { return text_of(said.values[attribute]); };
  std::size_t count = 0;
  switch (type & 0xff) {
    case NFT_MSG_NEWTABLE:
      return true;
    case NFT_MSG_DELTABLE:
      transaction.empty_table(family);
      return true;
    case NFT_MSG_NEWCHAIN: {
      const bool hooked = (said.present & types(NFTA_CHAIN_TYPE, NFTA_CHAIN_HOOK)) != 0;
      return transaction.chain(family, text(NFTA_CHAIN_NAME),
                               hooked ? hook_in(said) : std::nullopt);
    }
    case NFT_MSG_DELRULE:
      return transaction.empty_chain(family, text(NFTA_RULE_CHAIN));
    case NFT_MSG_NEWRULE: {
      RuleEffects effects;
      const auto is_known = [&effects](std::uint16_t kind, Bytes value) {
        return is_known_expression(kind, value, effects);
      };
      return all_attributes(said.values[NFTA_RULE_EXPRESSIONS], is_known) &&
             transaction.rule(family, text(NFTA_RULE_CHAIN), effects);
    }
    case NFT_MSG_NEWSET:
      return transaction.set(text(NFTA_SET_NAME), size_in(said.values[NFTA_SET_DESC]));
    case NFT_MSG_GETSETELEM:
      return transaction.elements(text(NFTA_SET_ELEM_LIST_SET), 0);
    default:  // of elements
      return are_plain_elements(said.values[NFTA_SET_ELEM_LIST_ELEMENTS], count) &&
             transaction.elements(text(NFTA_SET_ELEM_LIST_SET), count);
  }
}

/// What the attributes of this kind of message say.
bool is_ours(OurTransaction& transaction, std::uint16_t type, Bytes header,
             const Attributes& attributes) noexcept {
  if (type >> 8 != NFNL_SUBSYS_NFTABLES) return true;
  return continues(transaction, type, value_at<nfgenmsg>(header).nfgen_family, attributes);
}

bool may_be_sent(OurTransaction& transaction, std::span<const Form> forms, const nlmsghdr& head,
                 Bytes body) noexcept {
  const auto form = std::ranges::find(forms, head.nlmsg_type, &Form::type);
  if (form == forms.end() || body.size() < form->header) return false;
  const auto flags = static_cast<std::uint16_t>(head.nlmsg_flags & ~kAnyFlags);
  const bool lists = form->flags == kListing;
  if (lists ? flags != kListing : (flags & ~form->flags) != 0) return false;
  const auto attributes = attributes_in(body.subspan(form->header));
  return attributes && (attributes->present & form->needed) == form->needed &&
         (attributes->present & ~(form->needed | form->allowed)) == 0 &&
         (form->says == nullptr || form->says(body.first(form->header), *attributes)) &&
         is_ours(transaction, head.nlmsg_type, body.first(form->header), *attributes);
}

}  // namespace

const ::rtmsg& our_route() noexcept {
  static constexpr ::rtmsg kRouteOfOurs{.rtm_family = AF_INET,
                                        .rtm_dst_len = 0,
                                        .rtm_src_len = 0,
                                        .rtm_tos = 0,
                                        .rtm_table = RT_TABLE_DEFAULT,
                                        .rtm_protocol = kOurRoutes,
                                        .rtm_scope = RT_SCOPE_LINK,
                                        .rtm_type = RTN_UNICAST,
                                        .rtm_flags = 0};
  return kRouteOfOurs;
}

const ::ifinfomsg& loopback_up() noexcept {
  static constexpr ::ifinfomsg kLoopbackUp{.ifi_family = AF_UNSPEC,
                                           .__ifi_pad = 0,
                                           .ifi_type = 0,
                                           .ifi_index = static_cast<int>(kLoopbackLink),
                                           .ifi_flags = IFF_UP,
                                           .ifi_change = IFF_UP};
  return kLoopbackUp;
}

bool is_netlink_of_ours(int protocol) noexcept {
  return protocol == NETLINK_NETFILTER || protocol == NETLINK_ROUTE;
}

bool changes_only_ours(int protocol, Place place, Bytes messages) noexcept {
  if (messages.empty() || !is_netlink_of_ours(protocol)) return false;
  const std::span<const Form> forms = protocol == NETLINK_ROUTE ? std::span<const Form>(kRouting)
                                                                : std::span<const Form>(kNetfilter);
  OurTransaction transaction(place);
  while (!messages.empty()) {
    if (messages.size() < sizeof(nlmsghdr)) return false;
    const auto head = value_at<nlmsghdr>(messages);
    if (head.nlmsg_len < sizeof head || head.nlmsg_len > messages.size() ||
        head.nlmsg_len % NLMSG_ALIGNTO != 0) {
      return false;
    }
    const Bytes body = messages.first(head.nlmsg_len).subspan(sizeof head);
    if (!may_be_sent(transaction, forms, head, body)) return false;
    messages = messages.subspan(head.nlmsg_len);
  }
  return true;
}

}  // namespace nxgate::helper
