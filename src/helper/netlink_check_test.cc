#include "helper/netlink_check.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
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

using Octets = std::vector<std::uint8_t>;

template <class Value>
Octets octets_of(const Value& value) {
  const auto* const at = reinterpret_cast<const std::uint8_t*>(&value);
  return {at, at + sizeof value};
}

Octets operator+(Octets left, const Octets& right) {
  left.insert(left.end(), right.begin(), right.end());
  left.resize(NLMSG_ALIGN(left.size()));
  return left;
}

Octets attribute(int type, const Octets& value) {
  return octets_of(nlattr{.nla_len = static_cast<std::uint16_t>(sizeof(nlattr) + value.size()),
                          .nla_type = static_cast<std::uint16_t>(type)}) +
         value;
}

Octets text(int type, std::string_view value) {
  Octets octets(value.begin(), value.end());
  octets.push_back(0);
  return attribute(type, octets);
}

Octets message(int type, int flags, const Octets& body) {
  return octets_of(nlmsghdr{.nlmsg_len = static_cast<std::uint32_t>(sizeof(nlmsghdr) + body.size()),
                            .nlmsg_type = static_cast<std::uint16_t>(type),
                            .nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST),
                            .nlmsg_seq = 1,
                            .nlmsg_pid = 0}) +
         body;
}

Octets nft(int type, int flags, const Octets& attributes, int family = NFPROTO_INET) {
  return message(
      NFNL_SUBSYS_NFTABLES << 8 | type, flags,
      octets_of(
          nfgenmsg{.nfgen_family = static_cast<std::uint8_t>(family), .version = 0, .res_id = 0}) +
          attributes);
}

Octets conntrack(int type, int flags, const Octets& attributes) {
  return message(NFNL_SUBSYS_CTNETLINK << 8 | type, flags,
                 octets_of(nfgenmsg{.nfgen_family = 0, .version = 0, .res_id = 0}) + attributes);
}

bool in_netfilter(const Octets& messages, Place place = Place::kAttached) {
  return changes_only_ours(NETLINK_NETFILTER, place, messages);
}
bool in_routing(const Octets& messages) {
  return changes_only_ours(NETLINK_ROUTE, Place::kAttached, messages);
}

const Octets kBegin =
    message(NFNL_MSG_BATCH_BEGIN, 0,
            octets_of(nfgenmsg{.nfgen_family = 0, .version = 0, .res_id = htons(10)}));
const Octets kEnd =
    message(NFNL_MSG_BATCH_END, 0,
            octets_of(nfgenmsg{.nfgen_family = 0, .version = 0, .res_id = htons(10)}));

Octets emptied(std::string_view chain = "guard", std::string_view table = "nxgate") {
  return nft(NFT_MSG_DELRULE, 0, text(NFTA_RULE_TABLE, table) + text(NFTA_RULE_CHAIN, chain));
}

Octets rule_in(std::string_view chain, std::string_view table, std::string_view expression,
               const Octets& data = {}) {
  const Octets list =
      attribute(NFTA_LIST_ELEM, text(NFTA_EXPR_NAME, expression) + attribute(NFTA_EXPR_DATA, data));
  return nft(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
             text(NFTA_RULE_TABLE, table) + text(NFTA_RULE_CHAIN, chain) +
                 attribute(NFTA_RULE_EXPRESSIONS | NLA_F_NESTED, list));
}

/// In a chain that was emptied.
Octets rule_with(std::string_view expression, std::string_view table = "nxgate",
                 const Octets& data = {}) {
  return emptied("guard", table) + rule_in("guard", table, expression, data);
}

Octets verdict(std::int32_t code) {
  const Octets said =
      attribute(NFTA_VERDICT_CODE, octets_of(htonl(static_cast<std::uint32_t>(code))));
  return attribute(NFTA_IMMEDIATE_DATA, attribute(NFTA_DATA_VERDICT, said));
}

Octets element(std::string_view table, const Octets& parts) {
  return nft(NFT_MSG_NEWSETELEM, NLM_F_CREATE,
             text(NFTA_SET_ELEM_LIST_TABLE, table) + text(NFTA_SET_ELEM_LIST_SET, "open4") +
                 attribute(NFTA_SET_ELEM_LIST_ELEMENTS, attribute(NFTA_LIST_ELEM, parts)));
}

TEST(NetlinkCheck, ATransactionOnOurTablesPasses) {
  const Octets key = attribute(NFTA_SET_ELEM_KEY, attribute(NFTA_DATA_VALUE, Octets(12)));
  EXPECT_TRUE(in_netfilter(
      kBegin + nft(NFT_MSG_NEWTABLE, NLM_F_CREATE, text(NFTA_TABLE_NAME, "nxgate")) +
      rule_with("cmp") + nft(NFT_MSG_DELTABLE, NLM_F_ACK, text(NFTA_TABLE_NAME, "nxgate")) + kEnd));
  EXPECT_TRUE(in_netfilter(kBegin + element("nxgate_egress", key) + kEnd));
}

TEST(NetlinkCheck, TablesOfOthersAreLeftAlone) {
  for (const char* table : {"filter", "Nxgate", "nxgat", "", "my_nxgate", "nxgate2",
                            "nxgate_egress_", "nxgate_egress_ci"}) {
    const Octets name = text(NFTA_TABLE_NAME, table);
    EXPECT_FALSE(in_netfilter(nft(NFT_MSG_NEWTABLE, NLM_F_CREATE, name))) << table;
    EXPECT_FALSE(in_netfilter(nft(NFT_MSG_DELTABLE, 0, name))) << table;
    EXPECT_FALSE(in_netfilter(nft(NFT_MSG_NEWCHAIN, 0, name + text(NFTA_CHAIN_NAME, "c"))));
    EXPECT_FALSE(in_netfilter(nft(NFT_MSG_DELRULE, 0, name + text(NFTA_RULE_CHAIN, "c"))));
    EXPECT_FALSE(in_netfilter(rule_with("cmp", table))) << table;
    EXPECT_FALSE(in_netfilter(element(table, {}))) << table;
  }
}

TEST(NetlinkCheck, ATableIsNamedAndByItsNameAlone) {
  const Octets ours = text(NFTA_TABLE_NAME, "nxgate");
  EXPECT_FALSE(in_netfilter(nft(NFT_MSG_DELTABLE, 0, {}))) << "that is all tables";
  EXPECT_FALSE(
      in_netfilter(nft(NFT_MSG_DELTABLE, 0, ours + attribute(NFTA_TABLE_HANDLE, Octets(8)))))
      << "the kernel prefers the handle";
  EXPECT_FALSE(in_netfilter(nft(NFT_MSG_DELTABLE, 0, ours + text(NFTA_TABLE_NAME, "filter"))))
      << "the kernel takes the last one";
  EXPECT_FALSE(in_netfilter(
      nft(NFT_MSG_DELTABLE, 0, ours + text(NFTA_TABLE_NAME | NLA_F_NET_BYTEORDER, "filter"))));
}

TEST(NetlinkCheck, ARuleWritesIntoNothingButPorts) {
  const auto passes = [](std::string_view expression, int type) {
    return in_netfilter(rule_with(expression, "nxgate", attribute(type, Octets(4))));
  };
  EXPECT_TRUE(passes("payload", NFTA_PAYLOAD_DREG));
  EXPECT_FALSE(passes("payload", NFTA_PAYLOAD_SREG)) << "changes the packet";
  EXPECT_TRUE(passes("meta", NFTA_META_DREG));
  EXPECT_FALSE(passes("meta", NFTA_META_SREG)) << "sets its mark";
  EXPECT_FALSE(passes("ct", NFTA_CT_SREG));
  EXPECT_TRUE(passes("exthdr", NFTA_EXTHDR_DREG));
  EXPECT_FALSE(passes("exthdr", NFTA_EXTHDR_SREG)) << "changes the packet";
  EXPECT_TRUE(in_netfilter(rule_with("redir")));
  EXPECT_FALSE(passes("redir", NFTA_REDIR_REG_PROTO_MIN)) << "to any port";
  const Octets to_port = attribute(NFTA_REDIR_REG_PROTO_MIN, Octets(4));
  const auto in = [&](std::string_view chain) {
    return in_netfilter(emptied(chain, "nxgate_egress") +
                        rule_in(chain, "nxgate_egress", "redir", to_port));
  };
  EXPECT_TRUE(in("checked")) << "where connections go to be checked";
  EXPECT_FALSE(in("names"));
  EXPECT_FALSE(in("output"));
  EXPECT_FALSE(passes("redir", NFTA_REDIR_FLAGS));
}

Octets number(int type, std::uint32_t value) { return attribute(type, octets_of(htonl(value))); }

/// What writes `length` octets at `offset`.
Octets write(std::uint32_t offset, std::uint32_t length = 2,
             std::uint32_t base = NFT_PAYLOAD_TRANSPORT_HEADER) {
  return number(NFTA_PAYLOAD_SREG, NFT_REG_1) + number(NFTA_PAYLOAD_BASE, base) +
         number(NFTA_PAYLOAD_OFFSET, offset) + number(NFTA_PAYLOAD_LEN, length);
}

Octets checksum(std::uint32_t offset, std::uint32_t type = NFT_PAYLOAD_CSUM_INET) {
  return number(NFTA_PAYLOAD_CSUM_TYPE, type) + number(NFTA_PAYLOAD_CSUM_OFFSET, offset);
}

TEST(NetlinkCheck, PortsAreWrittenWhereTheListenersAre) {
  const auto passes = [](const Octets& data, std::string_view chain = "to_listener") {
    return in_netfilter(emptied(chain) + rule_in(chain, "nxgate", "payload", data));
  };
  EXPECT_TRUE(passes(write(2)));
  EXPECT_TRUE(passes(write(0) + checksum(6), "from_listener"));
  EXPECT_TRUE(passes(write(30) + checksum(2), "from_listener"));
  for (const char* chain : {"guard", "redirect", "outbound", "forwarded"}) {
    EXPECT_FALSE(passes(write(2), chain)) << chain;
  }
  const std::vector<std::pair<Octets, const char*>> refused{
      {write(2, 4), "more than a port"},
      {write(4), "something else of the message"},
      {write(2, 2, NFT_PAYLOAD_NETWORK_HEADER), "an address"},
      {write(2) + checksum(12), "a checksum of nothing"},
      {write(2) + checksum(6, NFT_PAYLOAD_CSUM_SCTP), "another checksum"},
      {write(2) + number(NFTA_PAYLOAD_CSUM_OFFSET, 6), "of no type"},
      {write(2) + checksum(6) + number(NFTA_PAYLOAD_CSUM_FLAGS, 1), "flags"},
      {write(2) + number(NFTA_PAYLOAD_DREG, NFT_REG_1), "read and written"},
  };
  for (const auto& [data, why] : refused) EXPECT_FALSE(passes(data)) << why;
}

TEST(NetlinkCheck, AVerdictQueuesNothing) {
  for (const int code : {NF_ACCEPT, NF_DROP, int{NFT_GOTO}, int{NFT_RETURN}}) {
    EXPECT_TRUE(in_netfilter(rule_with("immediate", "nxgate", verdict(code)))) << code;
  }
  for (const int code : {NF_QUEUE, NF_STOLEN, NF_REPEAT, int{NFT_JUMP}}) {
    EXPECT_FALSE(in_netfilter(rule_with("immediate", "nxgate", verdict(code)))) << code;
  }
}

TEST(NetlinkCheck, WhatGrowsASetCountsAndNothingElse) {
  const auto passes = [](const Octets& nested) {
    return in_netfilter(rule_with("dynset", "nxgate", attribute(NFTA_DYNSET_EXPR, nested)));
  };
  EXPECT_TRUE(passes(text(NFTA_EXPR_NAME, "counter")));
  EXPECT_FALSE(passes(text(NFTA_EXPR_NAME, "connlimit")));
  EXPECT_FALSE(passes(text(NFTA_EXPR_NAME, "counter") + attribute(NFTA_EXPR_DATA, Octets(4))));
  EXPECT_FALSE(
      in_netfilter(rule_with("dynset", "nxgate", attribute(NFTA_DYNSET_EXPRESSIONS, Octets(4)))));
}

TEST(NetlinkCheck, OneBadMessageAmongGoodOnesIsEnough) {
  const Octets bad = nft(NFT_MSG_DELTABLE, 0, text(NFTA_TABLE_NAME, "filter"));
  EXPECT_FALSE(in_netfilter(kBegin + rule_with("cmp") + bad + kEnd));
  EXPECT_FALSE(in_netfilter(kBegin + kEnd + bad)) << "also behind the end of a batch";
}

TEST(NetlinkCheck, RulesAreOfTheExpressionsThatAreOurs) {
  for (const char* expression : {"immediate", "redir", "reject", "dynset"}) {
    EXPECT_TRUE(in_netfilter(rule_with(expression))) << expression;
  }
  for (const char* expression : {"target", "match", "nat", "dup", "queue", "log", "", "cmpx"}) {
    EXPECT_FALSE(in_netfilter(rule_with(expression))) << expression;
  }
  EXPECT_FALSE(in_netfilter(element("nxgate", attribute(NFTA_SET_ELEM_EXPR, {}))));
}

Octets chain(std::string_view table, std::string_view name, const Octets& more = {},
             int family = NFPROTO_INET) {
  return nft(NFT_MSG_NEWCHAIN, NLM_F_CREATE,
             text(NFTA_CHAIN_TABLE, table) + text(NFTA_CHAIN_NAME, name) + more, family);
}

Octets hooked(std::string_view type, std::uint32_t hook, std::int32_t priority,
              const Octets& more = {}) {
  return text(NFTA_CHAIN_TYPE, type) +
         attribute(NFTA_CHAIN_HOOK | NLA_F_NESTED,
                   number(NFTA_HOOK_HOOKNUM, hook) +
                       number(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(priority)) + more);
}

TEST(NetlinkCheck, ChainsStandWhereOursDo) {
  EXPECT_TRUE(in_netfilter(chain("nxgate", "guard", hooked("filter", NF_INET_LOCAL_OUT, 0))));
  EXPECT_TRUE(in_netfilter(chain("nxgate", "redirect", hooked("nat", NF_INET_LOCAL_OUT, -101))));
  EXPECT_TRUE(
      in_netfilter(chain("nxgate", "outbound", hooked("filter", NF_INET_POST_ROUTING, 101))));
  EXPECT_TRUE(
      in_netfilter(chain("nxgate", "to_listener", hooked("filter", NF_INET_LOCAL_IN, 101))));
  EXPECT_TRUE(
      in_netfilter(chain("nxgate", "from_listener", hooked("filter", NF_INET_LOCAL_OUT, -300))));
  EXPECT_TRUE(in_netfilter(chain("nxgate_egress", "judge")));
  const Octets link = attribute(NFTA_HOOK_DEVS, text(NFTA_DEVICE_NAME, "eth0"));
  EXPECT_TRUE(in_netfilter(
      chain("nxgate", "egress", hooked("filter", NF_NETDEV_EGRESS, 0, link), NFPROTO_NETDEV)));
  const std::vector<std::pair<Octets, const char*>> refused{
      {chain("nxgate", "guard", hooked("filter", NF_INET_LOCAL_OUT, -500)), "before all others"},
      {chain("nxgate", "guard", hooked("filter", NF_INET_LOCAL_IN, 0)), "another hook"},
      {chain("nxgate", "guard", hooked("nat", NF_INET_LOCAL_OUT, 0)), "another type"},
      {chain("nxgate", "guard"), "a base chain without its hook"},
      {chain("nxgate_egress", "judge", hooked("filter", NF_INET_LOCAL_OUT, 0)), "with a hook"},
      {chain("nxgate_egress", "guard", hooked("filter", NF_INET_LOCAL_OUT, 0)), "the gate's"},
      {chain("nxgate", "anything", hooked("filter", NF_INET_LOCAL_OUT, 0)), "a foreign name"},
      {chain("nxgate", "guard", hooked("filter", NF_INET_LOCAL_OUT, 0), NFPROTO_NETDEV), "family"},
      {chain("nxgate", "guard", hooked("filter", NF_INET_LOCAL_OUT, 0), NFPROTO_IPV4), "family"},
      {chain("nxgate", "guard",
             hooked("filter", NF_INET_LOCAL_OUT, 0, text(NFTA_HOOK_DEV, "eth0"))),
       "the old attribute of a link"},
  };
  for (const auto& [messages, why] : refused) EXPECT_FALSE(in_netfilter(messages)) << why;
}

TEST(NetlinkCheck, RulesComeIntoAChainThatIsEmptied) {
  const Octets rule = rule_in("guard", "nxgate", "cmp");
  EXPECT_FALSE(in_netfilter(rule)) << "they would become ever more";
  EXPECT_FALSE(in_netfilter(emptied("redirect") + rule)) << "another chain";
  EXPECT_TRUE(in_netfilter(emptied() + rule + rule));
  EXPECT_TRUE(in_netfilter(nft(NFT_MSG_DELTABLE, 0, text(NFTA_TABLE_NAME, "nxgate")) + rule));
  EXPECT_FALSE(in_netfilter(
      nft(NFT_MSG_DELTABLE, 0, text(NFTA_TABLE_NAME, "nxgate"), NFPROTO_NETDEV) + rule))
      << "the table of another family";
  EXPECT_FALSE(in_netfilter(emptied() + rule_in("victim", "nxgate", "cmp")));
}

TEST(NetlinkCheck, ATransactionIsAboutOneTable) {
  EXPECT_FALSE(in_netfilter(emptied() + emptied("judge", "nxgate_egress")));
}

TEST(NetlinkCheck, ThereIsABoundToAll) {
  const auto so_many = [](const Octets& before, const Octets& each, std::size_t count) {
    Octets all = before;
    all.reserve(before.size() + each.size() * count);
    for (std::size_t i = 0; i < count; ++i) all.insert(all.end(), each.begin(), each.end());
    return all;
  };
  const Octets rule = rule_in("guard", "nxgate", "cmp");
  EXPECT_TRUE(in_netfilter(so_many(emptied(), rule, OurTransaction::kMostRules)));
  EXPECT_FALSE(in_netfilter(so_many(emptied(), rule, OurTransaction::kMostRules + 1)));
  EXPECT_FALSE(in_netfilter(so_many(emptied(), rule, 100'000)));
  const Octets one = element("nxgate_egress", {});
  EXPECT_TRUE(in_netfilter(so_many({}, one, OurTransaction::kMostElements)));
  EXPECT_FALSE(in_netfilter(so_many({}, one, OurTransaction::kMostElements + 1)));
}

TEST(NetlinkCheck, SetsAreOursAndHaveABound) {
  const auto set = [](std::string_view name, const Octets& more) {
    return nft(NFT_MSG_NEWSET, NLM_F_CREATE,
               text(NFTA_SET_TABLE, "nxgate_egress") + text(NFTA_SET_NAME, name) + more);
  };
  const auto sized = [](std::uint32_t size) {
    return attribute(NFTA_SET_DESC | NLA_F_NESTED, number(NFTA_SET_DESC_SIZE, size));
  };
  EXPECT_TRUE(in_netfilter(set("open4", sized(4096))));
  EXPECT_FALSE(in_netfilter(set("open4", {})));
  EXPECT_FALSE(in_netfilter(set("open4", sized(0))));
  EXPECT_FALSE(in_netfilter(set("open4", sized(OurTransaction::kMostElements + 1))));
  EXPECT_FALSE(in_netfilter(set("other", sized(4096))));
}

TEST(NetlinkCheck, OnTheHostOnlyFirewallsForClientsAreChanged) {
  const auto made = [](std::string_view table) {
    return nft(NFT_MSG_NEWTABLE, NLM_F_CREATE, text(NFTA_TABLE_NAME, table));
  };
  EXPECT_TRUE(in_netfilter(made("nxgate_egress_ci"), Place::kHost));
  EXPECT_FALSE(in_netfilter(made("nxgate_egress_ci"), Place::kAttached));
  EXPECT_FALSE(in_netfilter(made("nxgate"), Place::kHost)) << "a gate is for containers";
  EXPECT_TRUE(in_netfilter(made("nxgate")));
  const Octets forward = chain("nxgate_egress_ci", "forward", hooked("filter", NF_INET_FORWARD, 1));
  EXPECT_TRUE(in_netfilter(forward, Place::kHost));
  EXPECT_TRUE(in_netfilter(
      chain("nxgate_egress_ci", "fragments", hooked("filter", NF_INET_PRE_ROUTING, -450)),
      Place::kHost));
  const Octets output = chain("nxgate_egress_ci", "output", hooked("filter", NF_INET_LOCAL_OUT, 1));
  EXPECT_FALSE(in_netfilter(output, Place::kHost)) << "what the host itself sends";
}

TEST(NetlinkCheck, OtherKindsOfMessagesAreRefused) {
  const Octets name = text(1, "nxgate");
  for (const int type : {int{NFT_MSG_NEWOBJ}, int{NFT_MSG_NEWFLOWTABLE}, int{NFT_MSG_GETRULE},
                         int{NFT_MSG_DELCHAIN}, int{NFT_MSG_DELSET}}) {
    EXPECT_FALSE(in_netfilter(nft(type, 0, name))) << type;
  }
  EXPECT_FALSE(in_netfilter(message(NFNL_SUBSYS_IPSET << 8 | 3, 0, Octets(4) + name)));
  EXPECT_FALSE(in_netfilter(message(NLMSG_NOOP, 0, {})));
  for (const int type : {int{RTM_NEWADDR}, int{RTM_NEWLINK}, int{RTM_SETLINK}, int{RTM_NEWRULE},
                         int{RTM_NEWNEIGH}, int{RTM_GETROUTE}}) {
    EXPECT_FALSE(in_routing(message(type, NLM_F_DUMP, Octets(16)))) << type;
  }
  EXPECT_FALSE(changes_only_ours(NETLINK_XFRM, Place::kAttached, message(16, 0, Octets(16))));
  EXPECT_FALSE(in_netfilter({}));
}

TEST(NetlinkCheck, OfLinksOnlyLoIsBroughtUp) {
  const auto passes = [](const ifinfomsg& said, const Octets& attributes = {}) {
    return in_routing(message(RTM_NEWLINK, NLM_F_ACK, octets_of(said) + attributes));
  };
  EXPECT_TRUE(passes(loopback_up()));
  EXPECT_FALSE(passes(loopback_up(), text(IFLA_IFNAME, "eth0"))) << "it would be found by its name";
  EXPECT_FALSE(passes(loopback_up(), attribute(IFLA_MTU, Octets(4))));
  ifinfomsg said = loopback_up();
  said.ifi_index = 2;
  EXPECT_FALSE(passes(said)) << "another link";
  said = loopback_up();
  said.ifi_flags = 0;
  EXPECT_FALSE(passes(said)) << "down";
  said = loopback_up();
  said.ifi_change = ~0U;
  EXPECT_FALSE(passes(said)) << "all other flags";
  EXPECT_FALSE(in_routing(message(RTM_NEWLINK, NLM_F_CREATE, octets_of(loopback_up()))));
  EXPECT_FALSE(in_routing(message(RTM_DELLINK, 0, octets_of(loopback_up()))));
}

TEST(NetlinkCheck, ListingIsDumping) {
  const Octets set =
      text(NFTA_SET_ELEM_LIST_TABLE, "nxgate_egress") + text(NFTA_SET_ELEM_LIST_SET, "open4");
  EXPECT_TRUE(in_netfilter(nft(NFT_MSG_GETTABLE, NLM_F_DUMP, {})));
  EXPECT_TRUE(in_netfilter(nft(NFT_MSG_GETSETELEM, NLM_F_DUMP, set)));
  EXPECT_FALSE(in_netfilter(nft(NFT_MSG_GETSETELEM, 0, set)));
  EXPECT_TRUE(in_netfilter(conntrack(IPCTNL_MSG_CT_GET, NLM_F_DUMP, {})));
  EXPECT_TRUE(in_netfilter(conntrack(IPCTNL_MSG_CT_GET_STATS, NLM_F_ACK, {})));
  EXPECT_TRUE(in_routing(message(RTM_GETLINK, NLM_F_DUMP, Octets(sizeof(ifinfomsg)))));
  EXPECT_TRUE(in_routing(message(RTM_GETADDR, NLM_F_DUMP, Octets(sizeof(ifaddrmsg)))));
  EXPECT_TRUE(in_routing(message(RTM_GETROUTE, NLM_F_DUMP, Octets(sizeof(rtmsg)))));
  EXPECT_FALSE(in_routing(message(RTM_GETROUTE, 0, Octets(sizeof(rtmsg))))) << "one of them";
  EXPECT_FALSE(in_routing(message(RTM_GETADDR, NLM_F_DUMP, Octets(4)))) << "cut short";
}

TEST(NetlinkCheck, FlowsEndOneByOne) {
  EXPECT_TRUE(in_netfilter(conntrack(IPCTNL_MSG_CT_DELETE, NLM_F_ACK,
                                     attribute(CTA_TUPLE_ORIG | NLA_F_NESTED, Octets(8)))));
  EXPECT_FALSE(in_netfilter(conntrack(IPCTNL_MSG_CT_DELETE, NLM_F_ACK, {}))) << "that is all";
  EXPECT_FALSE(in_netfilter(
      conntrack(IPCTNL_MSG_CT_NEW, NLM_F_CREATE, attribute(CTA_TUPLE_ORIG, Octets(8)))));
}

rtmsg route_by_lo() {
  return {.rtm_family = AF_INET,
          .rtm_dst_len = 0,
          .rtm_src_len = 0,
          .rtm_tos = 0,
          .rtm_table = RT_TABLE_DEFAULT,
          .rtm_protocol = kOurRoutes,
          .rtm_scope = RT_SCOPE_LINK,
          .rtm_type = RTN_UNICAST,
          .rtm_flags = 0};
}

Octets route(int type, const rtmsg& header, std::uint32_t link = 1, const Octets& more = {},
             std::uint32_t metric = kOurRouteMetric) {
  return message(type, NLM_F_ACK | (type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_EXCL : 0),
                 octets_of(header) + attribute(RTA_OIF, octets_of(link)) +
                     attribute(RTA_PRIORITY, octets_of(metric)) +
                     attribute(RTA_PREFSRC, octets_of(kLoopbackAddress)) + more);
}

TEST(NetlinkCheck, OneRouteIsOurs) {
  EXPECT_TRUE(in_routing(route(RTM_NEWROUTE, route_by_lo())));
  EXPECT_TRUE(in_routing(route(RTM_DELROUTE, route_by_lo())));
  EXPECT_FALSE(in_routing(route(RTM_NEWROUTE, route_by_lo(), 2))) << "by another link";
  EXPECT_FALSE(in_routing(
      route(RTM_NEWROUTE, route_by_lo(), 1, attribute(RTA_TABLE, octets_of(RT_TABLE_MAIN)))));
  EXPECT_FALSE(
      in_routing(route(RTM_NEWROUTE, route_by_lo(), 1, attribute(RTA_GATEWAY, Octets(4)))));
  rtmsg other = route_by_lo();
  other.rtm_protocol = RTPROT_STATIC;
  EXPECT_FALSE(in_routing(route(RTM_DELROUTE, other)));
  other = route_by_lo();
  other.rtm_table = RT_TABLE_MAIN;
  EXPECT_FALSE(in_routing(route(RTM_NEWROUTE, other)));
  other = route_by_lo();
  other.rtm_type = RTN_LOCAL;
  EXPECT_FALSE(in_routing(route(RTM_NEWROUTE, other))) << "every address would be here";
  EXPECT_FALSE(in_routing(route(RTM_NEWROUTE, route_by_lo(), 1, {}, 0)))
      << "before those of others";
}

TEST(NetlinkCheck, LengthsThatDontFitAreRefused) {
  const Octets good = nft(NFT_MSG_NEWTABLE, NLM_F_CREATE, text(NFTA_TABLE_NAME, "nxgate"));
  ASSERT_TRUE(in_netfilter(good));
  for (std::size_t size = 1; size < good.size(); ++size) {
    EXPECT_FALSE(in_netfilter(Octets(good.begin(), good.begin() + static_cast<long>(size))));
  }
  for (const std::size_t at : {std::size_t{0}, sizeof(nlmsghdr) + sizeof(nfgenmsg)}) {
    for (const int wrong : {0, 1, 3, 5, 200}) {
      Octets bad = good;
      bad[at] = static_cast<std::uint8_t>(wrong);
      EXPECT_FALSE(in_netfilter(bad)) << at << ' ' << wrong;
    }
  }
  EXPECT_FALSE(in_netfilter(good + Octets(4))) << "left over";
}

}  // namespace
}  // namespace nxgate::helper
