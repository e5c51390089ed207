#include "netfilter/dropping_chains.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "netfilter/gate.h"
#include "netfilter/namespace_fixture.h"
#include "sys/netns.h"

namespace nxgate::netfilter {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

class DroppingChainsTest : public NamespaceTest {};

TEST_F(DroppingChainsTest, AGateIsntAmongThem) {
  const auto gate = Gate::install(netns, {.udp4 = 4001, .tcp4 = 4002}, OnDeath::kStaysClosed);
  ASSERT_TRUE(gate) << gate.error().message;
  EXPECT_THAT(dropping_chains(netns).value(), IsEmpty());
}

TEST_F(DroppingChainsTest, ByPolicyByRuleAndByWhatTheyGoOnTo) {
  run("ip netns exec " + name +
      " nft -f - <<E\n"
      "table inet mine {\n"
      "  chain more { udp sport 53 reject; }\n"
      "  chain leaving { type filter hook output priority 0; policy drop; oifname lo accept; }\n"
      "  chain arriving { type filter hook input priority 0; tcp dport 25 accept; jump more; }\n"
      "  chain passing { type filter hook forward priority 0; policy drop; }\n"
      "}\n"
      "table ip harmless { chain o { type filter hook output priority 0; counter\n }\n}\n"
      "E");
  EXPECT_THAT(dropping_chains(netns).value(),
              UnorderedElementsAre("chain leaving of table inet mine (policy drop)",
                                   "chain arriving of table inet mine"));
}

TEST_F(DroppingChainsTest, ThoseOfIptables) {
  run("ip netns exec " + name + " iptables-nft -A OUTPUT -p udp --dport 53 -j REJECT");
  EXPECT_THAT(dropping_chains(netns).value(),
              UnorderedElementsAre("chain OUTPUT of table ip filter"));
}

TEST_F(DroppingChainsTest, OfTheLegacyOnesOnlyTheTableIsKnown) {
  run("ip netns exec " + name + " iptables-legacy -A OUTPUT -j DROP");
  EXPECT_THAT(dropping_chains(netns).value(),
              UnorderedElementsAre("table filter of iptables-legacy"));
}

TEST_F(DroppingChainsTest, ANamespaceThatIsntThere) {
  EXPECT_FALSE(dropping_chains(sys::NetnsRef("nxgate-none")));
}

}  // namespace
}  // namespace nxgate::netfilter
