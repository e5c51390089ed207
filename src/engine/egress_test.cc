#include "engine/egress.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/address.h"
#include "policy/egress.h"
#include "policy/local_data.h"
#include "policy/matcher.h"
#include "policy/policy.h"
#include "policy/rule.h"
#include "policy/rule_set.h"
#include "wire/name.h"
#include "wire/query.h"
#include "wire/types.h"

namespace nxgate::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

wire::DomainName name(const char* text) { return *wire::DomainName::from_text(text); }

/// A firewall that notes what it is asked for.
class FakeSets final : public policy::EgressSets {
 public:
  bool admit(const policy::Admission& admission, Instant) noexcept override {
    for (const wire::FoundAddress& found : admission.addresses) {
      std::string ports;
      for (const Port& port : admission.ports) ports += ' ' + port.to_string();
      admitted.push_back(admission.name.to_text() + ' ' + found.address.to_string() + ports);
    }
    return works;
  }
  bool was_told(ClientKey, const wire::DomainName&, const IpAddress&, Instant) noexcept override {
    return false;
  }
  std::optional<wire::DomainName> opener(const IpAddress&, const Port&, Instant) noexcept override {
    return {};
  }
  bool let_onward(std::span<const policy::OnwardFlow>) noexcept override { return false; }
  void end_onward(std::span<const policy::OnwardFlow>) noexcept override {}
  void note_unreachable(const Endpoint&) noexcept override {}
  policy::EgressView look(const std::string&, Instant) override { return {}; }
  policy::EgressView look(const IpAddress&, Instant) override { return {}; }
  std::vector<std::string> admitted;
  bool works = true;
};

class EgressTest : public testing::Test {
 protected:
  EgressTest() {
    policy_->name = "ci";
    policy_->egress = egress_;
    policy_->sets = sets_;
    policy::RuleSet rules;
    for (const char* const text : {"plain.test", "ssh.test:tcp/22"}) {
      const auto rule = *policy::parse_rule(text);
      rules.add({rule.name, rule.scope, policy::Action::kAllow, {"test", 1, 1}, rule.ports});
    }
    policy_->local = std::make_shared<policy::LocalData>(wire::process_hash_key());
    policy_->matcher = std::make_shared<policy::Matcher>(
        std::move(rules), std::span<const policy::Matcher::LocalName>{},
        std::span<const policy::Route>{});
    policy_->grants = std::make_shared<policy::Grants>(wire::process_hash_key());
    policy::PolicySet::Policies policies{policy_};
    snapshot_ = std::make_unique<Snapshot>(Snapshot{.generation = 1,
                                                    .policies = {std::move(policies), {}, 0},
                                                    .groups = {{.name = "up", .identity = 1}},
                                                    .options = {}});
  }

  /// The reply to an A question with one address, on its way out.
  EgressResult reply_to(const char* qname, const std::vector<std::uint8_t>& address,
                        wire::Type type = wire::Type::kA) {
    wire::Query query;
    query.question = {name(qname), type, wire::Class::kIn};
    const Decision decision = decide(*snapshot_, query.question, {}, {}, Instant{});
    const Granted granted = grants_of(query.question.name, decision, Instant{});
    if (meanwhile_) meanwhile_();
    reply_ = {0, 1, 0x81, 0x80, 0, 1, 0, 1, 0,  0, 0, 0, 0, 0, 1, 0, 1,  // question of the root
              0, 0, 1,    0,    1, 0, 0, 0, 60, 0, 4};
    reply_.insert(reply_.end(), address.begin(), address.end());
    const Asker asker{.client = {}, .granted = knows_grant_ ? &granted : nullptr};
    return apply_egress(query, decision, asker, reply_, Instant{}, found_);
  }

  std::shared_ptr<policy::Egress> egress_ = std::make_shared<policy::Egress>();
  std::shared_ptr<FakeSets> sets_ = std::make_shared<FakeSets>();
  std::shared_ptr<policy::Policy> policy_ = std::make_shared<policy::Policy>();
  std::unique_ptr<Snapshot> snapshot_;
  std::vector<std::uint8_t> reply_;
  std::vector<wire::FoundAddress> found_;
  std::function<void()> meanwhile_;  ///< between decision and reply
  bool knows_grant_ = true;
};

TEST_F(EgressTest, OpensTheWayBeforeTheReplyLeaves) {
  EXPECT_EQ(reply_to("plain.test", {192, 0, 2, 1}).status, EgressStatus::kOpen);
  EXPECT_THAT(sets_->admitted, ElementsAre("plain.test 192.0.2.1"));
}

TEST_F(EgressTest, PortsAreThoseOfTheRuleElseThePolicys) {
  egress_->ports = {{6, 443}};
  (void)reply_to("plain.test", {192, 0, 2, 1});
  (void)reply_to("a.ssh.test", {192, 0, 2, 2});
  EXPECT_THAT(sets_->admitted,
              ElementsAre("plain.test 192.0.2.1 tcp/443", "a.ssh.test 192.0.2.2 tcp/22"));
}

TEST_F(EgressTest, WhatANameLedToIsOpenedForItByItsPorts) {
  const auto grant = [this] {
    const policy::Grant by_ssh{.root = name("ssh.test"), .until = Instant{} + Seconds(9)};
    policy_->grants->aliases.grant(name("cdn.example"), by_ssh, Instant{});
  };
  grant();
  knows_grant_ = false;
  EXPECT_EQ(reply_to("cdn.example", {192, 0, 2, 1}).status, EgressStatus::kOpen);
  meanwhile_ = [this] {
    policy_->grants = std::make_shared<policy::Grants>(wire::process_hash_key());
  };
  EXPECT_EQ(reply_to("cdn.example", {192, 0, 2, 2}).status, EgressStatus::kShut);
  grant();
  knows_grant_ = true;
  EXPECT_EQ(reply_to("cdn.example", {192, 0, 2, 3}).status, EgressStatus::kOpen)
      << "which was granted when it was asked for";
  EXPECT_THAT(sets_->admitted,
              ElementsAre("ssh.test 192.0.2.1 tcp/22", "ssh.test 192.0.2.3 tcp/22"));
}

TEST_F(EgressTest, OfTwoThatLedToANameOnlyTheOneThatIsAllowedOpens) {
  egress_->ports = {{6, 443}};
  const Instant until = Instant{} + Seconds(9);
  policy_->grants->aliases.grant(name("cdn.example"), {name("plain.test"), until, true, {}}, {});
  policy_->grants->services.grant(name("cdn.example"),
                                  {name("denied.example"), until, false, {{6, 22}}}, {});
  policy_->grants->services.grant(name("cdn.example"), {name("gone.example"), until, true, {}}, {});
  policy_->grants->services.grant(name("cdn.example"),
                                  {name("plain.test"), until, false, {{6, 5222}}}, {});
  EXPECT_EQ(reply_to("cdn.example", {192, 0, 2, 1}).status, EgressStatus::kOpen);
  EXPECT_THAT(sets_->admitted,
              ElementsAre("plain.test 192.0.2.1 tcp/443", "cdn.example 192.0.2.1 tcp/5222"));
}

TEST_F(EgressTest, TheDenialOfANameThatNobodyIsAskedForOpensNothing) {
  Decision decision;
  decision.policy = policy_.get();
  decision.match.verdict = policy::Verdict::kAllow;
  EXPECT_TRUE(has_firewall(decision));
  decision.nowhere = true;
  EXPECT_FALSE(has_firewall(decision)) << "its address may be that of deny = \"address\"";
}

TEST_F(EgressTest, AFirewallThatCantBeOpenedStopsTheReply) {
  sets_->works = false;
  EXPECT_EQ(reply_to("plain.test", {192, 0, 2, 1}).status, EgressStatus::kShut);
}

TEST_F(EgressTest, WhatIsNeverOpenIsFiltered) {
  egress_->never = {*Prefix::parse("192.0.2.0/24")};
  EXPECT_EQ(reply_to("plain.test", {192, 0, 2, 1}).status, EgressStatus::kFiltered);
  EXPECT_THAT(sets_->admitted, IsEmpty());
  egress_->mode = policy::EgressMode::kAudit;
  EXPECT_EQ(reply_to("plain.test", {192, 0, 2, 1}).status, EgressStatus::kOpen)
      << "nothing is changed";
}

TEST_F(EgressTest, PrivateAddressesAreFilteredIfSaid) {
  EXPECT_EQ(reply_to("plain.test", {10, 0, 0, 1}).status, EgressStatus::kOpen);
  egress_->never_private = true;
  EXPECT_EQ(reply_to("plain.test", {10, 0, 0, 1}).status, EgressStatus::kFiltered);
  EXPECT_EQ(reply_to("plain.test", {192, 88, 99, 1}).status, EgressStatus::kFiltered);
  EXPECT_EQ(reply_to("plain.test", {192, 0, 0, 9}).status, EgressStatus::kOpen)
      << "reachable, says IANA";
}

TEST_F(EgressTest, MalformedRepliesDontLeave) {
  EXPECT_EQ(reply_to("plain.test", {192, 0, 2}).status, EgressStatus::kShut);
}

TEST_F(EgressTest, OtherTypesAndOtherPoliciesPass) {
  EXPECT_EQ(reply_to("plain.test", {192, 0, 2, 1}, wire::Type::kTxt).status, EgressStatus::kOpen);
  policy_->egress = nullptr;
  EXPECT_EQ(reply_to("plain.test", {192, 0, 2, 1}).status, EgressStatus::kOpen);
  EXPECT_THAT(sets_->admitted, IsEmpty());
}

TEST_F(EgressTest, WhatWasOpenedIsJudgedByTodaysPolicy) {
  const IpAddress address = *IpAddress::parse("192.0.2.1");
  const auto opens_now = [&](const char* qname, const Port& port) {
    const auto openable = openable_by(policy_.get(), qname, Instant{});
    return openable && openable->covers(address, port);
  };
  EXPECT_TRUE(opens_now("plain.test", {}));
  EXPECT_TRUE(opens_now("plain.test", {6, 80})) << "any port is";
  EXPECT_FALSE(opens_now("other.test", {}));
  EXPECT_FALSE(opens_now("", {})) << "nobody knows why it is open";
  EXPECT_TRUE(opens_now("ssh.test", {6, 22}));
  EXPECT_FALSE(opens_now("ssh.test", {6, 23}));
  EXPECT_FALSE(opens_now("ssh.test", {}));
  EXPECT_FALSE(openable_by(nullptr, "plain.test", Instant{})) << "the policy is gone";
  egress_->never = {*Prefix::parse("192.0.2.0/24")};
  EXPECT_FALSE(opens_now("plain.test", {}));
}

}  // namespace
}  // namespace nxgate::engine
