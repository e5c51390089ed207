#include "engine/connection.h"

#include <array>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "base/address.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "policy/connection_checks.h"
#include "policy/egress.h"
#include "policy/grants.h"
#include "policy/local_data.h"
#include "policy/matcher.h"
#include "policy/policy.h"
#include "policy/rule.h"
#include "policy/rule_set.h"
#include "wire/name.h"

namespace nxgate::engine {
namespace {

wire::DomainName name(const char* text) { return *wire::DomainName::from_text(text); }
IpAddress address(const char* text) { return *IpAddress::parse(text); }

const ClientKey kClient = client_behind("client");

/// What clients were told, as a firewall remembers it.
class FakeSets final : public policy::EgressSets {
 public:
  bool admit(const policy::Admission&, Instant) noexcept override { return true; }
  bool was_told(ClientKey client, const wire::DomainName& to, const IpAddress& at,
                Instant) noexcept override {
    return client == kClient && told.contains({to.to_text(), at});
  }
  std::optional<wire::DomainName> opener(const IpAddress& at, const Port&,
                                         Instant) noexcept override {
    return open.contains(at) ? std::optional(wire::DomainName()) : std::nullopt;
  }
  bool let_onward(std::span<const policy::OnwardFlow>) noexcept override { return true; }
  void end_onward(std::span<const policy::OnwardFlow>) noexcept override {}
  void note_unreachable(const Endpoint&) noexcept override {}
  policy::EgressView look(const std::string&, Instant) override { return {}; }
  policy::EgressView look(const IpAddress&, Instant) override { return {}; }

  std::set<std::pair<std::string, IpAddress>> told;
  std::set<IpAddress> open;
};

class ConnectionTest : public testing::Test {
 protected:
  ConnectionTest() {
    policy::RuleSet rules;
    for (const char* const text : {"good.test", "ssh.test:tcp/22"}) {
      const auto rule = *policy::parse_rule(text);
      rules.add({rule.name, rule.scope, policy::Action::kAllow, {"test", 1, 1}, rule.ports});
    }
    policy_.name = "ci";
    policy_.egress = egress_;
    policy_.sets = sets_;
    policy_.local = std::make_shared<policy::LocalData>(wire::process_hash_key());
    policy_.matcher = std::make_shared<policy::Matcher>(
        std::move(rules), std::span<const policy::Matcher::LocalName>{},
        std::span<const policy::Route>{});
    policy_.grants = std::make_shared<policy::Grants>(wire::process_hash_key());
    sets_->told = {{"good.test", address("192.0.2.1")},
                   {"ssh.test", address("192.0.2.1")},
                   {"bad.test", address("192.0.2.1")}};
  }

  /// Of a client that says this name, or none if that is null.
  ConnectionVerdict verdict(const char* said, const char* to, std::uint16_t port = 443) {
    const wire::DomainName asked = name(said == nullptr ? "." : said);
    const std::array clients{kClient};
    return judge_connection(&policy_,
                            {.name = said == nullptr ? nullptr : &asked,
                             .to = {address(to), port},
                             .clients = clients},
                            Instant{})
        .verdict;
  }

  std::shared_ptr<policy::Egress> egress_ = std::make_shared<policy::Egress>();
  std::shared_ptr<FakeSets> sets_ = std::make_shared<FakeSets>();
  policy::Policy policy_;
};

TEST_F(ConnectionTest, TakesAnAllowedNameAtAnAddressThatWasToldForIt) {
  EXPECT_EQ(verdict("good.test", "192.0.2.1"), ConnectionVerdict::kAllowed);
  EXPECT_EQ(verdict("bad.test", "192.0.2.1"), ConnectionVerdict::kNameDenied) << "though told";
  EXPECT_EQ(verdict("good.test", "192.0.2.2"), ConnectionVerdict::kNotTold);
  EXPECT_EQ(verdict("www.good.test", "192.0.2.1"), ConnectionVerdict::kNotTold)
      << "each name for itself";
}

TEST_F(ConnectionTest, ANameIsAllowedAtItsPorts) {
  EXPECT_EQ(verdict("ssh.test", "192.0.2.1"), ConnectionVerdict::kPortDenied);
  EXPECT_EQ(verdict("ssh.test", "192.0.2.1", 22), ConnectionVerdict::kAllowed);
}

TEST_F(ConnectionTest, AlwaysStandsForTheAddressAndNotForTheName) {
  egress_->always = {{*Prefix::parse("198.51.100.0/24"), Port{IPPROTO_TCP, 443}}};
  EXPECT_EQ(verdict("good.test", "198.51.100.9"), ConnectionVerdict::kAllowed);
  EXPECT_EQ(verdict("bad.test", "198.51.100.9"), ConnectionVerdict::kNameDenied);
  EXPECT_EQ(verdict("good.test", "198.51.100.9", 8443), ConnectionVerdict::kNotTold);
  EXPECT_EQ(verdict(nullptr, "198.51.100.9"), ConnectionVerdict::kAllowed) << "it needs no name";
}

TEST_F(ConnectionTest, WhatIsNeverOpenIsNotThoughItWasTold) {
  egress_->never = {*Prefix::parse("192.0.2.0/24")};
  EXPECT_EQ(verdict("good.test", "192.0.2.1"), ConnectionVerdict::kAddressDenied);
}

TEST_F(ConnectionTest, WithoutANameTheAddressCountsIfThePolicySaysSo) {
  sets_->open = {address("192.0.2.1")};
  EXPECT_EQ(verdict(nullptr, "192.0.2.1"), ConnectionVerdict::kNoName);
  egress_->checks.unnamed = policy::Unnamed::kByAddress;
  EXPECT_EQ(verdict(nullptr, "192.0.2.1"), ConnectionVerdict::kAllowed);
  EXPECT_EQ(verdict(nullptr, "192.0.2.2"), ConnectionVerdict::kNotTold);
}

TEST_F(ConnectionTest, WhereNoNameIsSaidTheAddressCounts) {
  egress_->checks.ports = policy::usual_checks();
  egress_->checks.carries_all = true;
  sets_->open = {address("192.0.2.1")};
  EXPECT_EQ(verdict(nullptr, "192.0.2.1", 22), ConnectionVerdict::kAllowed);
  EXPECT_EQ(verdict(nullptr, "192.0.2.2", 22), ConnectionVerdict::kNotTold);
  EXPECT_EQ(verdict(nullptr, "192.0.2.1"), ConnectionVerdict::kNoName);
}

TEST_F(ConnectionTest, WithoutAFirewallNothingPasses) {
  policy_.egress = nullptr;
  EXPECT_EQ(verdict("good.test", "192.0.2.1"), ConnectionVerdict::kNoPolicy);
  EXPECT_EQ(judge_connection(nullptr, {}, Instant{}).verdict, ConnectionVerdict::kNoPolicy);
}

TEST_F(ConnectionTest, EachRefusalSaysWhatWouldHelp) {
  for (const auto each : {ConnectionVerdict::kNameDenied, ConnectionVerdict::kPortDenied,
                          ConnectionVerdict::kNotTold, ConnectionVerdict::kNoName}) {
    EXPECT_NE(in_words(each), "");
    EXPECT_NE(what_helps(each), "");
  }
  EXPECT_EQ(what_helps(ConnectionVerdict::kAllowed), "");
}

}  // namespace
}  // namespace nxgate::engine
