#include "policy/policy.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/address.h"
#include "base/clock.h"
#include "policy/grants.h"
#include "wire/name.h"

namespace nxgate::policy {
namespace {

constexpr std::uint64_t kKey = 0x9e3779b97f4a7c15;

PolicySet set_of(std::vector<std::pair<const char*, std::uint16_t>> ranges,
                 std::uint16_t fallback) {
  PolicySet::Policies policies;
  for (const char* name : {"default", "ci", "lab"}) {
    auto policy = std::make_shared<Policy>();
    policy->name = name;
    policies.push_back(std::move(policy));
  }
  std::vector<PolicySet::ClientRange> clients;
  for (const auto& [text, policy] : ranges)
    clients.push_back({Prefix::parse(text).value(), policy});
  return {std::move(policies), std::move(clients), fallback};
}

TEST(PolicySet, TheLongestPrefixWins) {
  const PolicySet set = set_of({{"10.0.0.0/8", 1}, {"10.1.0.0/16", 2}, {"fd00::/8", 1}}, 0);
  const auto name_for = [&](const char* client) {
    return set.select(IpAddress::parse(client).value())->name;
  };
  EXPECT_EQ(name_for("10.2.3.4"), "ci");
  EXPECT_EQ(name_for("10.1.3.4"), "lab");
  EXPECT_EQ(name_for("fd00::1"), "ci");
  EXPECT_EQ(name_for("192.0.2.1"), "default");
  EXPECT_EQ(name_for("::ffff:10.1.0.1"), "lab") << "an IPv4 client, however it is written";
}

TEST(PolicySet, AClientThatNothingCoversHasNoPolicy) {
  const PolicySet set = set_of({{"10.0.0.0/8", 1}}, PolicySet::kNone);
  EXPECT_EQ(set.select(IpAddress::parse("192.0.2.1").value()), nullptr);
  EXPECT_EQ(set.find("lab")->name, "lab");
  EXPECT_EQ(set.find("nope"), nullptr);
}

TEST(PolicySet, AnAttachedContainersPolicyIsFoundByItsKey) {
  const PolicySet set = set_of({}, 0);
  Policy policy;
  policy.name = "ci";
  const PolicySet attached =
      set.with({{"attached/web", std::make_shared<const Policy>(std::move(policy))}});
  EXPECT_EQ(attached.find("attached/web")->name, "ci");
  EXPECT_EQ(attached.find("lab")->name, "lab");
  EXPECT_EQ(attached.with({}).find("attached/web"), nullptr);
}

wire::DomainName numbered(std::size_t number) {
  return wire::DomainName::from_text("n" + std::to_string(number) + ".cdn.example").value();
}

bool granted(const GrantTable& grants, const wire::DomainName& name, Instant now) {
  return !grants.find(name, wire::SuffixHashes(name, kKey), now).empty();
}

TEST(Grants, HoldUntilTheyEnd) {
  GrantTable grants(kKey);
  const Instant now{};
  EXPECT_FALSE(granted(grants, numbered(1), now));
  grants.grant(numbered(1), {numbered(0), now + Seconds(10), true, {}}, now);
  EXPECT_TRUE(granted(grants, numbered(1), now));
  EXPECT_TRUE(granted(grants, numbered(1), now + Seconds(9)));
  EXPECT_FALSE(granted(grants, numbered(1), now + Seconds(10)));
  EXPECT_FALSE(granted(grants, numbered(2), now));
  grants.grant(numbered(1), {numbered(0), now + Seconds(5), true, {}}, now);
  EXPECT_TRUE(granted(grants, numbered(1), now + Seconds(9))) << "a shorter grant shortens nothing";
  grants.grant(numbered(1), {numbered(0), now + Seconds(20), true, {}}, now);
  EXPECT_TRUE(granted(grants, numbered(1), now + Seconds(19)));
}

TEST(Grants, KnowAllNamesThatLedThere) {
  GrantTable grants(kKey);
  const Instant now{};
  const wire::DomainName name = numbered(1);
  const auto roots = [&](Instant at) {
    std::vector<wire::DomainName> all;
    for (const Grant& each : grants.find(name, wire::SuffixHashes(name, kKey), at)) {
      all.push_back(each.root);
    }
    return all;
  };
  using Names = std::vector<wire::DomainName>;
  grants.grant(name, {numbered(2), now + Seconds(10), true, {}}, now);
  grants.grant(name, {numbered(2), now + Seconds(5), true, {}}, now);
  grants.grant(name, {numbered(3), now + Seconds(5), true, {}}, now);
  EXPECT_EQ(roots(now), (Names{numbered(2), numbered(3)}));
  EXPECT_EQ(roots(now + Seconds(6)), Names{numbered(2)});
  EXPECT_TRUE(roots(now + Seconds(10)).empty());
}

TEST(Grants, OfOneNameTheOneThatEndsFirstGivesWay) {
  GrantTable grants(kKey);
  const Instant now{};
  const wire::DomainName name = numbered(1);
  for (std::size_t i = 0; i < GrantTable::kMostGrants + 1; ++i) {
    const Instant until = now + Seconds(10 + static_cast<int>(i));
    grants.grant(name, {numbered(i), until, true, {}}, now);
  }
  const auto held = grants.find(name, wire::SuffixHashes(name, kKey), now);
  EXPECT_EQ(held.size(), GrantTable::kMostGrants);
  EXPECT_EQ(std::ranges::count(held, numbered(0), &Grant::root), 0);
}

TEST(Grants, PortsOfAnEndedOneDoNotComeBack) {
  GrantTable grants(kKey);
  const Instant now{};
  const wire::DomainName name = numbered(1);
  grants.grant(name, {numbered(2), now + Seconds(1), false, {{6, 22}}}, now);
  grants.grant(name, {numbered(2), now + Seconds(9), false, {{6, 443}}}, now + Seconds(2));
  const auto held = grants.find(name, wire::SuffixHashes(name, kKey), now + Seconds(3));
  ASSERT_EQ(held.size(), 1U);
  EXPECT_EQ(held[0].ports.front().number, 443);
}

TEST(Grants, AreBoundedTheOldestGoingFirst) {
  GrantTable grants(kKey);
  const Instant until = Instant{} + Seconds(60);
  constexpr std::size_t kMany = GrantTable::kMost * 3;
  for (std::size_t i = 0; i < kMany; ++i) {
    grants.grant(numbered(i), {numbered(0), until, true, {}}, Instant{});
  }
  std::size_t held = 0;
  for (std::size_t i = 0; i < kMany; ++i) held += granted(grants, numbered(i), Instant{}) ? 1 : 0;
  EXPECT_EQ(held, GrantTable::kMost);
  EXPECT_TRUE(granted(grants, numbered(kMany - 1), Instant{}));
  EXPECT_FALSE(granted(grants, numbered(0), Instant{}));
}

TEST(Grants, AnotherNameWithTheSameHashIsNotGranted) {
  constexpr std::uint64_t kWeakKey = 0;
  GrantTable grants(kWeakKey);
  const auto allowed = wire::DomainName::from_text("ab.test").value();
  const auto other = wire::DomainName::from_text("ba.test").value();
  grants.grant(allowed, {other, Instant{} + Seconds(60), true, {}}, Instant{});
  EXPECT_FALSE(grants.find(allowed, wire::SuffixHashes(allowed, kWeakKey), Instant{}).empty());
  EXPECT_TRUE(grants.find(other, wire::SuffixHashes(other, kWeakKey), Instant{}).empty());
}

}  // namespace
}  // namespace nxgate::policy
