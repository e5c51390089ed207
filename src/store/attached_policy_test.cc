#include "store/attached_policy.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "base/address.h"
#include "engine/snapshot.h"
#include "policy/egress.h"
#include "policy/exfiltration.h"
#include "policy/local_data.h"
#include "policy/matcher.h"
#include "policy/policy.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::store {
namespace {

using policy::Verdict;

wire::DomainName name(const char* text) { return *wire::DomainName::from_text(text); }

Verdict verdict(const policy::Matcher& matcher, const wire::DomainName& of) {
  return matcher.match(wire::SuffixHashes(of, wire::process_hash_key())).verdict;
}

IpAddress address(const char* text) { return *IpAddress::parse(text); }

TEST(AttachedPolicy, ALabelsRulesAreSeparatedByCommas) {
  const auto narrowing = narrowing_of(" github.com, *.pypi.org ,=a.test", "web");
  EXPECT_EQ(verdict(*narrowing, name("api.github.com")), Verdict::kAllow);
  EXPECT_EQ(verdict(*narrowing, name("files.pypi.org")), Verdict::kAllow);
  EXPECT_NE(verdict(*narrowing, name("pypi.org")), Verdict::kAllow);
  EXPECT_EQ(verdict(*narrowing, name("b.a.test")), Verdict::kDeny);
}

TEST(AttachedPolicy, APresetStandsAmongThem) {
  const auto narrowing = narrowing_of("a.test,preset npm , preset nothing", "web");
  EXPECT_EQ(verdict(*narrowing, name("a.test")), Verdict::kAllow);
  EXPECT_EQ(verdict(*narrowing, name("registry.npmjs.org")), Verdict::kAllow);
  EXPECT_EQ(verdict(*narrowing, name("nothing")), Verdict::kDeny);
  EXPECT_EQ(verdict(*narrowing, name("pypi.org")), Verdict::kDeny);
}

TEST(AttachedPolicy, WhatIsNoRuleOpensNothing) {
  const auto narrowing = narrowing_of("http://github.com/,a.test", "web");
  EXPECT_EQ(verdict(*narrowing, name("github.com")), Verdict::kDeny);
  EXPECT_EQ(verdict(*narrowing, name("a.test")), Verdict::kAllow);
  EXPECT_EQ(verdict(*narrowing_of("", "web"), name("a.test")), Verdict::kDeny);
}

TEST(AttachedPolicy, NeighboursHaveAddressesAndReverseNames) {
  const auto neighbours = neighbours_of({{"db", {address("172.18.0.3"), address("fd00::3")}},
                                         {"db.app_net", {address("172.18.0.3")}}},
                                        {{address("172.18.0.3"), "db.app_net"}});
  const auto records = [&](const wire::DomainName& owner) {
    return neighbours->data.find(wire::SuffixHashes(owner, wire::process_hash_key())).size();
  };
  EXPECT_EQ(records(name("db")), 2);
  EXPECT_EQ(records(name("db.app_net")), 1);
  EXPECT_EQ(records(name("3.0.18.172.in-addr.arpa")), 1);
  EXPECT_EQ(verdict(neighbours->matcher, name("app_net")), Verdict::kAncestor)
      << "a name lies below it (RFC 8020)";
  EXPECT_EQ(verdict(neighbours->matcher, name("tired.com")), Verdict::kDeny);
  EXPECT_EQ(neighbours_of({}, {}), nullptr);
}

std::shared_ptr<policy::Policy> policy_named(const char* called, const char* allowed) {
  auto made = std::make_shared<policy::Policy>();
  made->name = called;
  made->matcher = narrowing_of(allowed, "");
  return made;
}

engine::Snapshot snapshot_of(policy::PolicySet::Policies policies) {
  return {.policies = policy::PolicySet(std::move(policies), {}, policy::PolicySet::kNone)};
}

TEST(AttachedPolicy, OfOthersInTheNamespaceTheStricterHoldsInEverything) {
  auto ci = policy_named("ci", "a.test,b.test");
  auto strict = policy_named("strict", "b.test,c.test");
  ci->suppressed_types = {wire::Type::kAaaa};
  strict->suppressed_types = {wire::Type::kTxt};
  ci->exfiltration = std::make_shared<policy::Exfiltration>(
      policy::Exfiltration{.new_names = 0, .longest_label = 20, .entropy = 100, .types = {}});
  strict->exfiltration = std::make_shared<policy::Exfiltration>(policy::Exfiltration{
      .new_names = 9, .longest_label = 30, .entropy = 0, .types = {wire::Type::kA}});
  strict->egress = std::make_shared<policy::Egress>();
  const auto both = policy_for({.key = "k", .base = "ci", .others = {{"strict", nullptr}}},
                               snapshot_of({ci, strict}));
  ASSERT_TRUE(both);
  ASSERT_EQ(both->others.size(), 1);
  EXPECT_EQ(both->others[0], strict->matcher);
  EXPECT_EQ(both->suppressed_types.size(), 2);
  const policy::Exfiltration limits{
      .new_names = 9, .longest_label = 20, .entropy = 100, .types = {wire::Type::kA}};
  EXPECT_EQ(*both->exfiltration, limits);
  EXPECT_EQ(both->egress, strict->egress);
}

TEST(AttachedPolicy, OfTwoWithOneFirewallItHolds) {
  auto own = policy_named("own", "a.test,b.test");
  auto walled = policy_named("walled", "a.test:443,b.test");
  walled->egress = std::make_shared<policy::Egress>(policy::Egress{.ports = {{IPPROTO_TCP, 80}}});
  const auto both = policy_for({.key = "k",
                                .base = "own",
                                .narrowing = narrowing_of("a.test,b.test:8080", ""),
                                .others = {{"walled", narrowing_of("a.test,b.test", "")},
                                           {"walled", narrowing_of("a.test,b.test", "")}}},
                               snapshot_of({own, walled}));
  ASSERT_TRUE(both);
  const auto ports = [&](const char* of) {
    return both->ports_of(wire::SuffixHashes(name(of), wire::process_hash_key()));
  };
  EXPECT_EQ(verdict(*both->others.front(), name("a.test")), Verdict::kAllow);
  EXPECT_EQ(ports("a.test"), Ports({{IPPROTO_TCP, 443}, {IPPROTO_UDP, 443}}));
  EXPECT_EQ(ports("b.test"), std::nullopt) << "a label's ports restrict too";
}

TEST(AttachedPolicy, OfTwoFirewallsAndOfAPolicyThatIsNotThereNothingResolves) {
  auto one = policy_named("one", "a.test");
  auto other = policy_named("other", "a.test");
  one->egress = other->egress = std::make_shared<policy::Egress>();
  EXPECT_FALSE(can_hold_both(*one, *other));
  const engine::Snapshot snapshot = snapshot_of({one, other});
  const auto both =
      policy_for({.key = "k", .base = "one", .others = {{"other", nullptr}}}, snapshot);
  ASSERT_TRUE(both);
  EXPECT_EQ(verdict(*both->others.front(), name("a.test")), Verdict::kDeny);
  EXPECT_EQ(policy_for({.key = "k", .base = "one", .others = {{"gone", nullptr}}}, snapshot),
            nullptr);
}

}  // namespace
}  // namespace nxgate::store
