#include "netfilter/firewall.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "base/address.h"
#include "base/clock.h"
#include "netfilter/namespace_fixture.h"

namespace nxgate::netfilter {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const Destination kWeb{*IpAddress::parse("10.9.0.1"), {IPPROTO_TCP, 80}};
const Destination kAny{*IpAddress::parse("2001:db8::1"), {}};

/// With another namespace behind eth0, which refuses every connection by itself (ECONNREFUSED),
/// as the firewall does; so what passed is told by the counters.
class FirewallTest : public NamespaceTest {
 protected:
  FirewallTest() {
    run("ip -n " + name + " address add 10.9.0.2/24 dev eth0");
    run("ip -n " + name + " link set eth0 up");
    run("ip -n " + name + " link set eth1 up");
  }

  /// Sends a datagram; says `sent` or the error.
  [[nodiscard]] std::string send_to(const std::string& address, int port) const {
    return inside(
        "/usr/bin/python3 -c \"import socket; s = socket.socket(socket.AF_INET, "
        "socket.SOCK_DGRAM); s.sendto(b'x', ('" +
        address + "', " + std::to_string(port) + ")); print('sent')\"");
  }
  [[nodiscard]] Firewall install(const FirewallRules& rules = {}) const {
    return Firewall::install(netns, std::string(Firewall::kTable), rules, OnDeath::kStaysClosed)
        .value();
  }
};

TEST_F(FirewallTest, RefusesWhatIsNotOpenAndIsGoneWithoutATrace) {
  Firewall firewall = install();
  EXPECT_THAT(send_to("10.9.0.7", 5000), HasSubstr("PermissionError"));
  EXPECT_THAT(firewall.packet_error(), IsEmpty());
  EXPECT_TRUE(firewall.remove());
  EXPECT_THAT(rules(), IsEmpty());
  EXPECT_THAT(send_to("10.9.0.7", 5000), HasSubstr("sent"));
}

TEST_F(FirewallTest, OpensForATimeAndClosesAgain) {
  Firewall firewall = install();
  const Destination to{*IpAddress::parse("10.9.0.7"), {IPPROTO_UDP, 5000}};
  ASSERT_FALSE(firewall.open({{{to, Seconds(60), "a.example", false}}}));
  EXPECT_THAT(send_to("10.9.0.7", 5000), HasSubstr("sent"));
  EXPECT_THAT(send_to("10.9.0.7", 5001), HasSubstr("PermissionError"));
  EXPECT_THAT(rules(), HasSubstr("10.9.0.7 . udp . 5000 timeout 1m"));
  EXPECT_THAT(rules(), HasSubstr("comment \"a.example\""));
  ASSERT_FALSE(firewall.close({{to}}));
  ASSERT_FALSE(firewall.close({{to}})) << "no fault";
  EXPECT_THAT(send_to("10.9.0.7", 5002), HasSubstr("PermissionError"));
}

TEST_F(FirewallTest, AnyPortIsAnyProtocolAsWell) {
  Firewall firewall = install();
  const Destination to{*IpAddress::parse("10.9.0.7"), {}};
  ASSERT_FALSE(firewall.open({{{to, Seconds(60), "", false}}}));
  EXPECT_THAT(send_to("10.9.0.7", 5000), HasSubstr("sent"));
  EXPECT_THAT(send_to("10.9.0.7", 53), HasSubstr("PermissionError")) << "DNS is nxgate's";
  EXPECT_THAT(send_to("10.9.0.7", 853), HasSubstr("PermissionError"));
}

TEST_F(FirewallTest, LengthensALifeAlsoOfWhatEnded) {
  Firewall firewall = install();
  ASSERT_FALSE(firewall.open({{{kWeb, Seconds(5), "", false}}}));
  ASSERT_FALSE(firewall.open({{{kWeb, Seconds(500), "", true}, {kAny, Seconds(5), "", true}}}));
  const auto opened = firewall.opened().value();
  ASSERT_THAT(opened, SizeIs(2));
  EXPECT_EQ(opened[0].to, kWeb);
  EXPECT_GT(opened[0].life, Seconds(400));
  EXPECT_EQ(opened[1].to, kAny);
}

TEST_F(FirewallTest, AlwaysWinsOverNeverAndNeverOverWhatIsOpen) {
  Firewall firewall = install({.always = {{*Prefix::parse("10.9.0.8/32"), Port{IPPROTO_UDP, 5000}}},
                               .never = {*Prefix::parse("10.9.0.0/24")}});
  ASSERT_FALSE(firewall.open({{{{*IpAddress::parse("10.9.0.7"), {}}, Seconds(60), "", false}}}));
  EXPECT_THAT(send_to("10.9.0.8", 5000), HasSubstr("sent"));
  EXPECT_THAT(send_to("10.9.0.8", 5001), HasSubstr("PermissionError"));
  EXPECT_THAT(send_to("10.9.0.7", 5000), HasSubstr("PermissionError"));
}

TEST_F(FirewallTest, WhereAllIsCarriedOpenTcpIsRedirectedAndAllElseRefused) {
  Firewall firewall = install({.checked = {.ports = {443}, .all = true, .listener4 = 7}});
  ASSERT_FALSE(firewall.open({{{{*IpAddress::parse("10.9.0.7"), {}}, Seconds(60), "", false}}}));
  EXPECT_THAT(send_to("10.9.0.7", 5000), HasSubstr("PermissionError"));
  EXPECT_THAT(rules(), HasSubstr("redirect to :7"));
  EXPECT_THAT(rules(), HasSubstr("meta l4proto tcp goto checked"));
}

TEST_F(FirewallTest, ConnectedNetworksAreOpenIfTheRulesSaySo) {
  Firewall firewall = install({.networks = true});
  EXPECT_THAT(send_to("10.9.0.7", 5000), HasSubstr("sent"));
}

TEST_F(FirewallTest, NewRulesKeepWhatIsOpen) {
  Firewall firewall = install();
  ASSERT_FALSE(firewall.open({{{kWeb, Seconds(60), "a.example", false}}}));
  ASSERT_TRUE(firewall.set_rules({.never = {*Prefix::parse("10.9.0.8/32")}}));
  EXPECT_THAT(firewall.opened().value(), SizeIs(1));
  EXPECT_THAT(rules(), HasSubstr("ip daddr 10.9.0.8 goto refuse"));
}

TEST_F(FirewallTest, TakesOverWhatADeadOneLeft) {
  {
    ASSERT_FALSE(install().open({{{kWeb, Seconds(60), "a.example", false}}}));
  }
  Firewall next = install();
  const auto opened = next.opened().value();
  ASSERT_THAT(opened, SizeIs(1));
  EXPECT_EQ(opened[0].to, kWeb);
  EXPECT_EQ(opened[0].name, "a.example");
}

TEST_F(FirewallTest, AnAuditNotesAndLetsPass) {
  Firewall firewall = install({.audit = true});
  EXPECT_THAT(send_to("10.9.0.7", 5000), HasSubstr("sent"));
  const auto refused = firewall.refused().value();
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_EQ(refused[0].to, (Destination{*IpAddress::parse("10.9.0.7"), {IPPROTO_UDP, 5000}}));
  EXPECT_EQ(refused[0].packets, 1U);
}

TEST_F(FirewallTest, CountsWhatItRefuses) {
  Firewall firewall = install();
  (void)send_to("10.9.0.7", 5000);
  (void)send_to("10.9.0.7", 5000);
  const auto refused = firewall.refused().value();
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_EQ(refused[0].packets, 2U);
}

TEST_F(FirewallTest, NotesNewFlowsOpenOrNotIfTheRulesSaySo) {
  Firewall firewall = install();
  const Destination open{*IpAddress::parse("10.9.0.7"), {IPPROTO_UDP, 5000}};
  const Destination shut{open.address, {IPPROTO_UDP, 5001}};
  ASSERT_FALSE(firewall.open(std::vector<Opened>{{open, Seconds(60), "a.example", false}}));
  EXPECT_THAT(send_to("10.9.0.7", 5000), HasSubstr("sent"));
  EXPECT_THAT(firewall.flows().value(), IsEmpty());
  ASSERT_TRUE(firewall.set_rules({.never = {*Prefix::parse("10.9.0.8")}, .notes_flows = true}));
  EXPECT_THAT(send_to("10.9.0.7", 5000), HasSubstr("sent"));
  EXPECT_THAT(send_to("10.9.0.7", 5001), HasSubstr("PermissionError"));
  EXPECT_THAT(send_to("10.9.0.8", 5000), HasSubstr("PermissionError")) << "no rule would open it";
  std::vector<Destination> flows;
  for (const Noted& each : firewall.flows().value()) flows.push_back(each.to);
  EXPECT_THAT(flows, testing::UnorderedElementsAre(open, shut));
  EXPECT_THAT(firewall.refused().value(), SizeIs(2));
}

TEST_F(FirewallTest, PacketSocketsDontGetPast) {
  const std::string script =
      "/usr/bin/python3 -c \"import socket; s = socket.socket(socket.AF_PACKET, "
      "socket.SOCK_DGRAM, 0); s.sendto(b'E' + bytes(40), ('eth0', 0x800, 0, 0, b'x' * 6)); "
      "print('sent')\"";
  EXPECT_THAT(inside(script), HasSubstr("sent"));
  Firewall firewall = install();
  EXPECT_THAT(inside(script), AllOf(HasSubstr("No buffer space"), Not(HasSubstr("sent"))));
}

TEST_F(FirewallTest, AFlowBeginsWithASourceOfOursOrOneThatTheLinkLeadsBackTo) {
  Firewall firewall = install();
  for (const char* const rule :
       {"ct state established,related accept\n\t\tfib saddr type local accept\n\t\t"
        "ip6 saddr :: meta l4proto ipv6-icmp accept\n\t\tgoto forged",
        "iifname \"lo\" fib saddr type local accept\n\t\tiifname \"lo\" goto forged",
        "fib saddr . iif oif 0 goto forged", "oifname != \"lo\" fib daddr type local goto forged",
        // As nft shows a first octet that isn't 0x45; and what isn't a router's alert.
        "l4proto != igmp ip version != 4 ip hdrlength != 5 goto forged",
        "!= 0x94040000 goto forged", "iifname \"lo\" goto forged\n\t\tgoto judge",
        "exthdr rt exists goto forged"}) {
    EXPECT_THAT(rules(), HasSubstr(rule));
  }
  const std::string forge =
      "/usr/bin/python3 -c \"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
      "s.setsockopt(0, 19, 1); s.bind(('10.9.0.66', 5000)); s.sendto(b'x', ('10.9.0.2', 4000))\"";
  EXPECT_THAT(inside(forge), HasSubstr("PermissionError"));
  const auto refused = firewall.refused().value();
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_EQ(refused[0].to, (Destination{*IpAddress::parse("10.9.0.66"), {IPPROTO_UDP, 5000}}))
      << "where the answers would go";
}

TEST_F(FirewallTest, NeighboursAreToldWhatTheyMustKnow) {
  const Firewall firewall = install();
  EXPECT_THAT(rules(), HasSubstr("ip6 daddr ff02::1:ff00:0/104 ip6 nexthdr ipv6-icmp ip6 hoplimit "
                                 "255 icmpv6 type nd-neighbor-solicit meta length 72 accept"));
  EXPECT_THAT(rules(), Not(HasSubstr("nd-router-advert accept")));
}

TEST_F(FirewallTest, ANetworkOfARouterIsNotOpened) {
  run("ip -n " + name + " address add 2001:db8:1::2/64 dev eth0 nodad");
  run("ip -n " + name + " address add 2001:db8:2::2/64 dev eth0 valid_lft 900 preferred_lft 900");
  const Firewall firewall = install({.networks = true});
  EXPECT_THAT(rules(), HasSubstr("ip6 daddr 2001:db8:1::/64 accept"));
  EXPECT_THAT(rules(), Not(HasSubstr("ip6 daddr 2001:db8:2::/64 accept")));
}

TEST_F(FirewallTest, IsPutUpAgainWhenSomebodyTookItAway) {
  Firewall firewall = install();
  EXPECT_FALSE(firewall.keep().value());
  run("ip netns exec " + name + " nft flush ruleset");
  EXPECT_TRUE(firewall.keep().value());
  EXPECT_THAT(send_to("10.9.0.7", 5000), HasSubstr("PermissionError"));
}

TEST_F(FirewallTest, ManyOpeningsFitInOneTransaction) {
  std::vector<Opened> openings;
  for (int i = 0; i < 5000; ++i) {
    const auto high = static_cast<std::uint8_t>(i >> 8);
    const auto low = static_cast<std::uint8_t>(i);
    openings.push_back(
        {{IpAddress::v4({198, 18, high, low}), {}}, Seconds(60), "a.example", false});
  }
  {
    Firewall firewall = install();
    ASSERT_FALSE(firewall.open(openings));
  }
  EXPECT_THAT(install().opened().value(), SizeIs(5000)) << "taken over";
}

TEST_F(FirewallTest, OfClientsJudgesTheirsAndWhatComesInByTheirLinks) {
  run("ip -n " + name + " address add 10.5.0.1/24 dev eth1");
  run("ip -n " + name + " route add default via 10.9.0.1");
  const std::string table = std::string(Firewall::kTable) + "_ci";
  auto firewall =
      Firewall::install(netns, table,
                        {.clients = {*Prefix::parse("10.5.0.0/16")},
                         .others = {*Prefix::parse("10.5.7.0/24"), *Prefix::parse("10.6.0.0/16")}},
                        OnDeath::kStaysClosed);
  ASSERT_TRUE(firewall);
  EXPECT_THAT(send_to("10.9.0.7", 5000), HasSubstr("sent")) << "what the host itself sends";
  EXPECT_THAT(rules(),
              HasSubstr("ip saddr 10.5.7.0/24 accept\n\t\tip saddr 10.5.0.0/16 goto judge"
                        "\n\t\tip saddr 10.6.0.0/16 accept\n\t\tiifname \"eth1\" goto judge"));
  for (const char* const rule :
       {"hook prerouting priority -450",
        "iifname \"eth1\" ip frag-off & 16383 != 0 fib saddr . iif oif 0 goto forged",
        "iifname \"eth1\" exthdr frag exists fib saddr . iif oif 0 goto forged",
        // As nft shows code 1 of any type.
        "icmpv6 type parameter-problem icmpv6 code != admin-prohibited drop"}) {
    EXPECT_THAT(rules(), HasSubstr(rule));
  }
  EXPECT_EQ(firewall->client_links(), (ClientLinks{{"eth1"}, {}}));
  EXPECT_TRUE(remove_firewalls(netns));
  EXPECT_THAT(rules(), HasSubstr(table)) << "we live";
  EXPECT_TRUE(firewall->remove());
  EXPECT_THAT(rules(), IsEmpty());
}

TEST_F(FirewallTest, ClientsAreBehindTheLinksThatRoutesToThemUse) {
  run("ip -n " + name + " address add 10.5.0.1/24 dev eth1");
  run("ip -n " + name + " route add 10.6.0.0/15 via 10.9.0.1");
  const std::vector<Prefix> near{*Prefix::parse("10.5.0.0/16")};
  const std::vector<Prefix> far{*Prefix::parse("10.7.1.0/24")};
  EXPECT_EQ(links_towards(netns, near), (ClientLinks{{"eth1"}, {}}));
  EXPECT_EQ(links_towards(netns, far), (ClientLinks{{"eth0"}, {}}));
  run("ip -n " + name + " route add default via 10.9.0.1");
  EXPECT_EQ(links_towards(netns, far), (ClientLinks{{}, {"eth0"}}));
  EXPECT_EQ(links_towards(netns, std::vector<Prefix>{*Prefix::parse("2001:db8::/32")}),
            ClientLinks());
}

}  // namespace
}  // namespace nxgate::netfilter
