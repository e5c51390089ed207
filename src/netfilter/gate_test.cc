#include "netfilter/gate.h"

#include <cstdlib>
#include <string>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "netfilter/namespace_fixture.h"
#include "sys/netns.h"

namespace nxgate::netfilter {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class GateTest : public NamespaceTest {
 protected:
  [[nodiscard]] std::string routes() const { return inside("ip route show table all proto 153"); }

  const GatePorts ports{.udp4 = 4001, .tcp4 = 4002, .udp6 = 4003, .tcp6 = 4004};
};

TEST_F(GateTest, RedirectsAndGuardsAndIsGoneWithoutATrace) {
  const std::string before = inside("ip route show table all");
  auto gate = Gate::install(netns, ports, OnDeath::kStaysClosed);
  ASSERT_TRUE(gate) << gate.error().message;
  EXPECT_THAT(rules(), HasSubstr("priority -101"));
  for (const char* const rule :
       {"udp dport 53 ip daddr 127.0.0.11 redirect", "tcp dport 53 ip daddr 127.0.0.11 redirect",
        "fib daddr type local return", "hook input priority 101", "udp dport set 4001",
        "tcp dport set 4002", "udp dport set 4003", "tcp dport set 4004",
        "hook output priority raw", "udp sport 4001 ip saddr 127.0.0.1 udp sport set 53",
        "tcp sport 4004 ip6 saddr ::1 tcp sport set 53", "ip daddr 127.0.0.11 reject",
        "fib daddr type unicast reject with icmpx no-route", "hook postrouting priority srcnat + 1",
        "oifname != \"lo\" fib daddr type local drop",
        "oifname != \"lo\" ip saddr 127.0.0.0/8 drop", "oifname != \"lo\" ip6 saddr ::1 drop"}) {
    EXPECT_THAT(rules(), HasSubstr(rule));
  }
  EXPECT_THAT(routes(), HasSubstr("default dev lo table default"));
  EXPECT_TRUE(gate->stops_packet_sockets()) << gate->egress_error();
  EXPECT_THAT(rules(), HasSubstr("hook egress devices = { eth0, eth1"));

  EXPECT_THAT(rules(), HasSubstr("hook forward"));

  ASSERT_TRUE(gate->remove());
  EXPECT_THAT(rules(), IsEmpty());
  EXPECT_EQ(inside("ip route show table all"), before);
}

TEST_F(GateTest, WithoutIpv6ListenersItsQuestionsAreLeftToTheGuard) {
  const auto gate = Gate::install(netns, {.udp4 = 4001, .tcp4 = 4002}, OnDeath::kStaysClosed);
  ASSERT_TRUE(gate) << gate.error().message;
  EXPECT_THAT(rules(), Not(HasSubstr("nfproto ipv6")));
}

TEST_F(GateTest, TellsWhoHoldsItAndReplacesItsOwn) {
  EXPECT_EQ(find_gate(netns).value(), std::nullopt);
  const auto first = Gate::install(netns, ports, OnDeath::kStaysClosed);
  ASSERT_TRUE(first);
  const auto owner = find_gate(netns).value();
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->pid, ::getpid());
  EXPECT_TRUE(owner->alive());
  EXPECT_FALSE((Owner{owner->pid, owner->started + 1}).alive());
  const auto second = Gate::install(netns, {.udp4 = 5001, .tcp4 = 5002}, OnDeath::kStaysClosed);
  ASSERT_TRUE(second);
  EXPECT_THAT(rules(), HasSubstr("set 5001"));
  EXPECT_THAT(rules(), Not(HasSubstr("4001")));
}

TEST_F(GateTest, StaysWhenItsHolderIsGoneUnlessItIsToOpen) {
  {
    ASSERT_TRUE(Gate::install(netns, ports, OnDeath::kStaysClosed));
  }
  EXPECT_THAT(rules(), HasSubstr("udp dport set 4001"));
  ASSERT_TRUE(remove_gate(netns));
  EXPECT_THAT(rules(), IsEmpty());
  {
    const auto gate = Gate::install(netns, ports, OnDeath::kOpens);
    ASSERT_TRUE(gate) << gate.error().message;
    EXPECT_THAT(rules(), HasSubstr("udp dport set 4001"));
  }
  EXPECT_THAT(rules(), Not(HasSubstr("redirect")));
}

TEST_F(GateTest, KeepsUpWithLinksAndComesBackWhenFlushed) {
  auto gate = Gate::install(netns, ports, OnDeath::kStaysClosed);
  ASSERT_TRUE(gate);
  EXPECT_FALSE(gate->keep().value()) << "all is well";
  run("ip -n " + name + " link del eth0");
  run("ip -n " + name + " link add late0 type veth peer name late1");
  EXPECT_FALSE(gate->keep().value());
  EXPECT_THAT(rules(), AnyOf(HasSubstr(" late0, late1 }"), HasSubstr("devices = { late0, late1,")));
  (void)inside("nft flush ruleset");
  EXPECT_TRUE(gate->keep().value());
  EXPECT_THAT(rules(), HasSubstr("udp dport set 4001"));
}

TEST_F(GateTest, SaysThatTheNamespaceIsNotThere) {
  const auto gate = Gate::install(sys::NetnsRef("nxgate-none"), ports, OnDeath::kStaysClosed);
  ASSERT_FALSE(gate);
  EXPECT_THAT(gate.error().message, HasSubstr("no such network namespace: nxgate-none"));
  EXPECT_FALSE(remove_gate(sys::NetnsRef("nxgate-none")));
}

}  // namespace
}  // namespace nxgate::netfilter
