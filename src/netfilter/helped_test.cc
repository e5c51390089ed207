// Gate and firewall where the helper sends what they say: all of it must be what the helper lets
// pass.
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netfilter.h>
#include <linux/netlink.h>

#include "base/address.h"
#include "base/clock.h"
#include "helper/confinement.h"
#include "helper/helper.h"
#include "helper/reach.h"
#include "netfilter/batch.h"
#include "netfilter/firewall.h"
#include "netfilter/gate.h"
#include "netfilter/link_watch.h"
#include "netfilter/links.h"
#include "netfilter/namespace_fixture.h"
#include "netfilter/queue_hold.h"
#include "netfilter/socket.h"
#include "sys/attached.h"
#include "sys/privileges.h"

namespace nxgate::netfilter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class HelpedTest : public NamespaceTest {
 protected:
  HelpedTest() : helper_(helper::Helper::start().value()) {
    const sys::KeptCapabilities keep{
        .enter_namespaces = true, .hold_queues = true, .change_rules = true};
    EXPECT_TRUE(helper_->activate("nobody", keep, helper::Confinement::kStrict,
                                  {.attachable = {netns.text()}}));
    auto pinned = netns.pin();
    EXPECT_TRUE(pinned);
    netns = *std::move(pinned);
    auto right = sys::Attached::at(netns);
    EXPECT_TRUE(right) << right.error().message;
    right_ = *std::move(right);
  }

 private:
  std::unique_ptr<helper::Helper> helper_;
  sys::Attached right_;
};

TEST_F(HelpedTest, AGateGoesUpAndDown) {
  for (const OnDeath on_death : {OnDeath::kStaysClosed, OnDeath::kOpens}) {
    auto gate =
        Gate::install(netns, {.udp4 = 4001, .tcp4 = 4002, .udp6 = 4003, .tcp6 = 4004}, on_death);
    ASSERT_TRUE(gate) << gate.error().message;
    EXPECT_TRUE(gate->stops_packet_sockets()) << gate->egress_error();
    EXPECT_THAT(rules(), HasSubstr("udp dport set 4001"));
    ASSERT_TRUE(gate->keep());
    ASSERT_TRUE(gate->remove());
    EXPECT_THAT(rules(), IsEmpty());
  }
}

TEST_F(HelpedTest, AFirewallOpensClosesAndTells) {
  FirewallRules rules{.audit = false,
                      .always = {},
                      .never = {*Prefix::parse("10.1.0.0/16")},
                      .networks = true,
                      .clients = {},
                      .others = {},
                      .notes_flows = true};
  for (int i = 0; i < 3000; ++i) {  // more than one message between us and the helper can hold
    rules.always.push_back(
        {*Prefix::parse(fmt::format("10.2.{}.{}", i / 250, i % 250)), Port{IPPROTO_TCP, 443}});
  }
  auto firewall =
      Firewall::install(netns, std::string(Firewall::kTable), rules, OnDeath::kStaysClosed);
  ASSERT_TRUE(firewall) << firewall.error().message;
  EXPECT_THAT(firewall->packet_error(), IsEmpty());
  const Destination web{*IpAddress::parse("10.9.0.1"), {IPPROTO_TCP, 80}};
  ASSERT_FALSE(firewall->open(std::vector<Opened>{{web, Milliseconds(60'000), "web.test"}}));
  ASSERT_FALSE(firewall->open(std::vector<Opened>{{web, Milliseconds(90'000), "web.test", true}}));
  EXPECT_THAT(firewall->opened().value(), SizeIs(1));
  ASSERT_FALSE(firewall->close(std::vector<Destination>{web}));
  EXPECT_THAT(firewall->opened().value(), IsEmpty());
  EXPECT_THAT(firewall->refused().value(), IsEmpty());
  ASSERT_TRUE(firewall->remove());
  EXPECT_THAT(this->rules(), IsEmpty());
}

TEST_F(HelpedTest, LinksAndNetworksAreSeen) {
  run("ip -n " + name + " address add 10.9.0.2/20 dev eth0");
  run("ip -n " + name + " address add 2001:db8:1::2/60 dev eth0");
  run("ip -n " + name + " address add 10.8.0.1 peer 10.7.0.1/32 dev eth1");
  EXPECT_THAT(links_of(netns), UnorderedElementsAre("eth0", "eth1"));
  EXPECT_THAT(networks_of(netns).all,
              ElementsAre(*Prefix::parse("10.8.0.1"), *Prefix::parse("10.9.0.0/20"),
                          *Prefix::parse("2001:db8:1::/60")));
}

TEST_F(HelpedTest, RoutesAreSeenAndAFirewallForClientsIsTheHostsAlone) {
  run("ip -n " + name + " address add 10.5.0.1/24 dev eth1");
  run("ip -n " + name + " link set eth1 up");
  const std::vector<Prefix> clients{*Prefix::parse("10.5.0.0/16")};
  EXPECT_THAT(links_towards(netns, clients).theirs, ElementsAre("eth1"));
  const auto firewall = Firewall::install(netns, std::string(Firewall::kTable) + "_ci",
                                          {.clients = clients}, OnDeath::kStaysClosed);
  ASSERT_FALSE(firewall);
  EXPECT_THAT(firewall.error().message, HasSubstr("Operation not permitted"));
}

TEST_F(HelpedTest, QueuesAreHeldOnce) {
  QueueHold held;
  held.keep(netns);
  EXPECT_THAT(held.error(), IsEmpty());
  QueueHold other;
  other.keep(netns);
  EXPECT_THAT(other.error(), HasSubstr("a program has an AF_XDP socket on eth0"));
  run("ip -n " + name + " link del eth0");
  run("ip -n " + name + " link add eth0 type veth peer name eth1");
  held.keep(netns);
  EXPECT_THAT(held.error(), IsEmpty()) << "the new link's";
  held = QueueHold();
  // The kernel frees them a moment later.
  for (int i = 0; i < 100 && (i == 0 || !other.error().empty()); ++i) {
    ::usleep(20'000);
    other.keep(netns);
  }
  EXPECT_THAT(other.error(), IsEmpty());
}

TEST_F(HelpedTest, ALinkThatComesIsTold) {
  auto watch = LinkWatch::open(netns);
  ASSERT_TRUE(watch) << watch.error().message;
  EXPECT_FALSE(watch->changed());
  run("ip -n " + name + " link add late0 type veth peer name late1");
  EXPECT_TRUE(watch->changed());
  EXPECT_FALSE(watch->changed());
  run("ip -n " + name + " address add 10.9.0.2/20 dev eth0");
  EXPECT_TRUE(watch->changed());
}

TEST_F(HelpedTest, LoIsBroughtUp) {
  EXPECT_FALSE(bring_up_lo(netns).value()) << "it is up";
  run("ip -n " + name + " link set lo down");
  EXPECT_TRUE(bring_up_lo(netns).value());
  EXPECT_THAT(inside("ip address show lo"), HasSubstr("127.0.0.1/8"));
}

TEST_F(HelpedTest, ATableOfSomebodyElseStays) {
  ASSERT_THAT(inside("nft add table inet victim"), IsEmpty());
  auto socket = Socket::open(NETLINK_NETFILTER, netns);
  ASSERT_TRUE(socket) << socket.error().message;
  Batch batch;
  batch.delete_table({NFPROTO_INET, "victim"});
  EXPECT_EQ(socket->transact(batch.finish()), std::errc::operation_not_permitted);
  EXPECT_THAT(rules(), HasSubstr("table inet victim"));
}

}  // namespace
}  // namespace nxgate::netfilter
