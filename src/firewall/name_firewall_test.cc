#include "firewall/name_firewall.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "base/address.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "base/error.h"
#include "firewall/connection_listeners.h"
#include "netfilter/firewall.h"
#include "netfilter/namespace_fixture.h"
#include "policy/connection_checks.h"
#include "policy/egress.h"
#include "sys/netns.h"
#include "wire/address_edit.h"
#include "wire/name.h"

namespace nxgate::firewall {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const wire::DomainName kName = *wire::DomainName::from_text("web.test");

class NameFirewallTest : public netfilter::NamespaceTest {
 protected:
  bool admit(const char* address, std::uint32_t ttl, const Ports& ports = {},
             Instant now = Clock::now()) {
    const std::vector<wire::FoundAddress> found{{*IpAddress::parse(address), ttl}};
    return firewall.admit(
        {.name = kName, .asked = kName, .addresses = found, .ports = ports, .grace = egress.grace},
        now);
  }

  /// A datagram from inside.
  void send_to(const std::string& address) {
    (void)inside(
        "/usr/bin/python3 -c \"import socket; socket.socket(socket.AF_INET, "
        "socket.SOCK_DGRAM).sendto(b'x', ('" +
        address + "', 5000))\"");
  }

  policy::Egress egress;
  NameFirewall firewall{std::string(netfilter::Firewall::kTable), netfilter::OnDeath::kStaysClosed};
};

TEST_F(NameFirewallTest, WithoutAFirewallEverythingIsAdmitted) {
  EXPECT_TRUE(admit("192.0.2.1", 60));
  EXPECT_THAT(rules(), IsEmpty());
}

TEST_F(NameFirewallTest, RemembersWhoWasToldWhichAddressForWhichName) {
  ASSERT_TRUE(firewall.enforce(netns, &egress));
  const ClientKey client = client_behind("one");
  const IpAddress address = *IpAddress::parse("10.9.0.1");
  const wire::DomainName alias = *wire::DomainName::from_text("alias.test");
  const Instant now = Clock::now();
  const std::vector<wire::FoundAddress> found{{address, 60}};
  const auto told = [&](ClientKey who, const wire::DomainName& name, Instant at) {
    return firewall.was_told(who, name, address, at);
  };
  for (const wire::DomainName& asked : {alias, kName}) {
    ASSERT_TRUE(firewall.admit({.name = kName,
                                .asked = asked,
                                .client = client,
                                .addresses = found,
                                .ports = {},
                                .grace = egress.grace},
                               now));
    EXPECT_TRUE(told(client, asked, now)) << "also if the address was open already";
  }
  EXPECT_TRUE(told(client, kName, now + Seconds(119)));
  EXPECT_FALSE(told(client, kName, now + Seconds(121))) << "the TTL and a minute of grace";
  EXPECT_FALSE(told(client_behind("other"), kName, now));
  EXPECT_FALSE(told(client, *wire::DomainName::from_text("other.test"), now));
  EXPECT_EQ(firewall.opener(address, {IPPROTO_TCP, 443}, now), kName);
  EXPECT_FALSE(firewall.opener(*IpAddress::parse("10.9.0.2"), {IPPROTO_TCP, 443}, now));
}

TEST_F(NameFirewallTest, TheNextOneKnowsWhatWasTold) {
  ASSERT_TRUE(firewall.enforce(netns, &egress));
  ASSERT_TRUE(admit("10.9.0.1", 60));
  NameFirewall next(std::string(netfilter::Firewall::kTable), netfilter::OnDeath::kStaysClosed);
  ASSERT_TRUE(next.enforce(netns, &egress));
  EXPECT_TRUE(
      next.was_told(client_behind("one"), kName, *IpAddress::parse("10.9.0.1"), Clock::now()));
}

/// Counts how many of its listeners there are.
class FakeListeners final : public ConnectionListeners {
 public:
  Result<std::unique_ptr<Listener>> open(const sys::NetnsRef&, const std::string& policy) override {
    policies.push_back(policy);
    return std::make_unique<Counted>(count);
  }
  int count = 0;
  std::vector<std::string> policies;

 private:
  class Counted final : public Listener {
   public:
    explicit Counted(int& count) : count_(count) { ++count_; }
    ~Counted() override { --count_; }
    std::uint16_t port4() const override { return 4444; }
    std::uint16_t port6() const override { return 0; }

   private:
    int& count_;
  };
};

TEST_F(NameFirewallTest, ListensWhereNamesAreCheckedAndOnlyThen) {
  egress.checks.ports = policy::usual_checks();
  EXPECT_FALSE(firewall.enforce(netns, &egress)) << "nobody would check them";
  FakeListeners listeners;
  firewall.check_by(listeners, "key");
  ASSERT_TRUE(firewall.enforce(netns, &egress));
  EXPECT_EQ(listeners.count, 1);
  EXPECT_THAT(listeners.policies, testing::ElementsAre("key"));
  EXPECT_THAT(rules(), HasSubstr("redirect to :4444"));
  EXPECT_THAT(rules(), HasSubstr("udp dport 443 goto refuse"));
  egress.checks.ports.clear();
  ASSERT_TRUE(firewall.enforce(netns, &egress));
  EXPECT_EQ(listeners.count, 0);
  EXPECT_THAT(rules(), Not(HasSubstr("redirect to")));
}

TEST_F(NameFirewallTest, ShowsWhatIsOpenAndWasRefused) {
  run("ip -n " + name + " address add 10.9.0.3/24 dev eth0");
  run("ip -n " + name + " link set eth0 up");
  run("ip -n " + name + " link set eth1 up");
  ASSERT_TRUE(firewall.enforce(netns, &egress));
  const Instant now = Clock::now();
  ASSERT_TRUE(admit("10.9.0.1", 60, {{IPPROTO_TCP, 443}}, now));
  const auto view = firewall.look(kName.to_text(), now + Seconds(10));
  ASSERT_THAT(view.open, SizeIs(1));
  EXPECT_EQ(view.open[0].address, *IpAddress::parse("10.9.0.1"));
  EXPECT_EQ(view.open[0].port.to_string(), "tcp/443");
  EXPECT_EQ(view.open[0].left, Seconds(110)) << "the TTL and a minute of grace";
  EXPECT_THAT(firewall.look(*IpAddress::parse("10.9.0.1"), now).open, SizeIs(1));
  EXPECT_THAT(firewall.look(*IpAddress::parse("10.9.0.2"), now).open, IsEmpty());
  EXPECT_THAT(firewall.look("other.test", now).open, IsEmpty());
  EXPECT_THAT(firewall.look(kName.to_text(), now + Seconds(121)).open, IsEmpty());
  send_to("10.9.0.1");
  send_to("10.9.0.9");
  (void)firewall.report();
  const auto refused = firewall.look(kName.to_text(), now).refused;
  ASSERT_THAT(refused, SizeIs(1)) << "the name led to one of the two";
  EXPECT_EQ(refused[0].port.to_string(), "udp/5000");
  EXPECT_THAT(firewall.look(*IpAddress::parse("10.9.0.9"), now).refused, SizeIs(1));
}

TEST_F(NameFirewallTest, AnOpeningLastsForTtlAndGraceAndHasItsName) {
  ASSERT_TRUE(firewall.enforce(netns, &egress));
  ASSERT_TRUE(admit("192.0.2.1", 60, {{IPPROTO_TCP, 443}}));
  EXPECT_THAT(rules(), AllOf(HasSubstr("192.0.2.1 . tcp . 443 timeout 2m"),
                             HasSubstr("comment \"web.test\"")));
}

TEST_F(NameFirewallTest, WhatIsOpenForLongEnoughCostsNothing) {
  ASSERT_TRUE(firewall.enforce(netns, &egress));
  const Instant now = Clock::now();
  ASSERT_TRUE(admit("192.0.2.1", 60, {}, now));
  run("ip netns exec " + name + " nft flush set inet nxgate_egress open4");
  ASSERT_TRUE(admit("192.0.2.1", 40, {}, now + Seconds(20)));
  EXPECT_THAT(rules(), Not(HasSubstr("192.0.2.1"))) << "the kernel wasn't asked again";
  ASSERT_TRUE(admit("192.0.2.1", 60, {}, now + Seconds(20)));
  EXPECT_THAT(rules(), HasSubstr("192.0.2.1")) << "for a longer time";
}

TEST_F(NameFirewallTest, WhatTheKernelRefusesIsNotAdmitted) {
  ASSERT_TRUE(firewall.enforce(netns, &egress));
  run("ip netns exec " + name + " nft flush ruleset");
  EXPECT_FALSE(admit("192.0.2.1", 60));
  EXPECT_TRUE(firewall.keep().value()) << "it was gone";
  EXPECT_TRUE(admit("192.0.2.1", 60));
}

TEST_F(NameFirewallTest, AReviewClosesByName) {
  ASSERT_TRUE(firewall.enforce(netns, &egress));
  ASSERT_TRUE(admit("192.0.2.1", 60));
  ASSERT_TRUE(admit("192.0.2.2", 60));
  firewall.review([](const std::string& opened_for, std::span<const netfilter::Destination> to) {
    return opened_for == "web.test" && to.front().address == *IpAddress::parse("192.0.2.2");
  });
  EXPECT_THAT(rules(), AllOf(Not(HasSubstr("192.0.2.1")), HasSubstr("192.0.2.2")));
  EXPECT_FALSE(admit("192.0.2.1", 60)) << "as decided before the review";
  EXPECT_TRUE(admit("192.0.2.2", 3600));
  EXPECT_THAT(rules(), Not(HasSubstr("192.0.2.1")));
}

TEST_F(NameFirewallTest, SealedItOpensNothingMore) {
  ASSERT_TRUE(firewall.enforce(netns, &egress));
  ASSERT_TRUE(admit("192.0.2.1", 60));
  firewall.seal();
  EXPECT_TRUE(admit("192.0.2.1", 60)) << "which is open";
  EXPECT_FALSE(admit("192.0.2.2", 60));
  EXPECT_THAT(rules(), AllOf(HasSubstr("192.0.2.1"), Not(HasSubstr("192.0.2.2"))));
}

TEST_F(NameFirewallTest, TheNextOneKnowsWhatIsOpen) {
  ASSERT_TRUE(firewall.enforce(netns, &egress));
  ASSERT_TRUE(admit("192.0.2.1", 60));
  NameFirewall next(std::string(netfilter::Firewall::kTable), netfilter::OnDeath::kStaysClosed);
  ASSERT_TRUE(next.enforce(netns, &egress));
  std::vector<std::string> names;
  next.review([&](const std::string& opened_for, std::span<const netfilter::Destination>) {
    names.push_back(opened_for);
    return true;
  });
  EXPECT_THAT(names, testing::ElementsAre("web.test"));
}

TEST_F(NameFirewallTest, RefusalsAreToldOnceWithTheNameBehindThem) {
  run("ip -n " + name + " address add 10.9.0.2/24 dev eth0");
  run("ip -n " + name + " link set eth0 up");
  run("ip -n " + name + " link set eth1 up");
  ASSERT_TRUE(firewall.enforce(netns, &egress));
  ASSERT_TRUE(admit("10.9.0.7", 60, {{IPPROTO_UDP, 443}}));
  send_to("10.9.0.7");
  send_to("10.9.0.8");
  const auto [refusals, all, packets, admissions, flows] = firewall.report();
  EXPECT_TRUE(all);
  ASSERT_THAT(refusals, SizeIs(2));
  EXPECT_EQ(refusals[0].name, "web.test");
  EXPECT_EQ(refusals[0].to.port, (Port{IPPROTO_UDP, 5000}));
  EXPECT_EQ(refusals[1].name, "");
  EXPECT_THAT(flows, IsEmpty());
  EXPECT_EQ(packets, 2U);
  EXPECT_EQ(admissions, 1U);
  send_to("10.9.0.8");
  const Report later = firewall.report();
  EXPECT_THAT(later.refusals, IsEmpty());
  EXPECT_EQ(later.refused_packets, 1U);
  EXPECT_EQ(later.admissions, 0U);
}

TEST_F(NameFirewallTest, FlowsAreToldWithAllNamesThatLedThere) {
  run("ip -n " + name + " address add 10.9.0.2/24 dev eth0");
  run("ip -n " + name + " link set eth0 up");
  run("ip -n " + name + " link set eth1 up");
  ASSERT_TRUE(firewall.enforce(netns, &egress, Flows::kNoted));
  ASSERT_TRUE(admit("10.9.0.7", 60));
  const std::vector<wire::FoundAddress> same{{*IpAddress::parse("10.9.0.7"), 30}};
  const wire::DomainName other = *wire::DomainName::from_text("other.test");
  ASSERT_TRUE(firewall.admit(
      {.name = other, .asked = other, .addresses = same, .ports = {}, .grace = egress.grace},
      Clock::now()));
  send_to("10.9.0.7");
  send_to("10.9.0.8");
  const Report report = firewall.report();
  EXPECT_EQ(report.admissions, 1U) << "the other name found it open";
  ASSERT_THAT(report.flows, SizeIs(1));
  EXPECT_EQ(report.flows[0].to.port, (Port{IPPROTO_UDP, 5000}));
  EXPECT_THAT(report.flows[0].names, testing::ElementsAre("web.test", "other.test"));
}

/// Different ones.
std::vector<wire::FoundAddress> addresses(std::size_t count) {
  std::vector<wire::FoundAddress> found;
  for (std::size_t i = 0; i < count; ++i) {
    found.push_back(
        {IpAddress::v4({10, static_cast<std::uint8_t>(i >> 16), static_cast<std::uint8_t>(i >> 8),
                        static_cast<std::uint8_t>(i)}),
         60});
  }
  return found;
}

TEST_F(NameFirewallTest, WhatHasEndedMakesRoom) {
  ASSERT_TRUE(firewall.enforce(netns, &egress));
  const std::vector<wire::FoundAddress> found = addresses(40'001);
  const auto all = std::span(found);
  const auto admits = [&](std::span<const wire::FoundAddress> some, Instant now) {
    return firewall.admit({.name = kName, .asked = kName, .addresses = some, .ports = {}}, now);
  };
  const Instant now = Clock::now();
  ASSERT_TRUE(admits(all.first(40'000), now));
  ASSERT_TRUE(admits(all.subspan(40'000, 1), now));
  const std::vector<wire::FoundAddress> others = addresses(100'000);
  const auto later = std::span(others).last(30'000);
  EXPECT_FALSE(admits(later, now + Seconds(1)));
  EXPECT_TRUE(admits(later, now + Seconds(3600)));
}

TEST_F(NameFirewallTest, TooManyOpeningsAreNotAdmitted) {
  ASSERT_TRUE(firewall.enforce(netns, &egress));
  const std::vector<wire::FoundAddress> found = addresses(OpenAddresses::kMost + 1);
  const auto all = std::span(found);
  EXPECT_FALSE(
      firewall.admit({.name = kName, .asked = kName, .addresses = all, .ports = {}}, Clock::now()));
  EXPECT_TRUE(firewall.admit(
      {.name = kName, .asked = kName, .addresses = all.first(1000), .ports = {}}, Clock::now()));
}

TEST_F(NameFirewallTest, NoFirewallAnyMoreIsNoTrace) {
  ASSERT_TRUE(firewall.enforce(netns, &egress));
  ASSERT_TRUE(firewall.enforce(netns, nullptr));
  EXPECT_THAT(rules(), IsEmpty());
}

}  // namespace
}  // namespace nxgate::firewall
