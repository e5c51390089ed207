// What narrows or limits a policy: exfiltration, containers, overload, rates.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/engine_fixture.h"
#include "policy/local_data.h"

namespace nxgate::engine {
namespace {

std::shared_ptr<const policy::Policy> limited(policy::Exfiltration limits) {
  auto made = make_policy({.name = "ci",
                           .allow = {"example.com", "=exact.example.com"},
                           .records = {"www.test CNAME real.example.com"}});
  made->exfiltration = std::make_shared<const policy::Exfiltration>(std::move(limits));
  return made;
}

TEST_F(EngineTest, NewNamesBelowARuleCount) {
  use_policy(limited({.new_names = 2}));
  for (const char* good : {"a.example.com", "b.example.com", "a.example.com", "example.com",
                           "exact.example.com", "www.test"}) {
    ask(good);
    EXPECT_EQ(disposition, Disposition::kPending) << good;
  }
  ask("b.example.com", Type::kAaaa);
  EXPECT_EQ(disposition, Disposition::kPending) << "the same name";
  const Reply denied = ask("c.example.com", Type::kA, true);
  EXPECT_EQ(denied.rcode(), Rcode::kNxDomain);
  EXPECT_TRUE(denied.contains("policy=ci rule=exfiltration.new-names"));
  EXPECT_EQ(counters.get(Counter::kExfiltration), 1U);
  now += Seconds(30);
  ask("c.example.com");
  EXPECT_EQ(disposition, Disposition::kPending) << "half a minute later";
}

TEST_F(EngineTest, TargetsOfCnamesCountLikeOtherNames) {
  use_policy(limited({.new_names = 1}));
  ask("example.com");
  const auto answer =
      address_answer(upstream.asked.at(0), 60, {name("a.cdn.net"), name("b.cdn.net")});
  upstream.waiting.at(0)({answer, UpstreamFailure::kNone});
  ask("a.cdn.net");
  EXPECT_EQ(disposition, Disposition::kPending);
  EXPECT_EQ(ask("b.cdn.net").rcode(), Rcode::kNxDomain);
}

TEST_F(EngineTest, ATypeOutOfBoundsIsNoData) {
  use_policy(limited({.types = {Type::kA}}));
  const Reply reply = ask("a.example.com", Type::kTxt, true);
  EXPECT_EQ(reply.rcode(), Rcode::kNoError);
  EXPECT_EQ(reply.authorities(), 1);
  EXPECT_TRUE(reply.contains("policy=ci rule=exfiltration.types"));
  EXPECT_EQ(ask("exact.example.com", Type::kTxt).answers(), 0);
  EXPECT_EQ(ask("a.test", Type::kTxt).rcode(), Rcode::kNxDomain) << "denied anyway";
  EXPECT_TRUE(upstream.asked.empty());
}

TEST_F(EngineTest, WhatWaitsIsCountedForWhoAsks) {
  use({.allow = {"example.com"}});
  ask("a.example.com");
  listener_client = client_behind("attached/7");
  ask("b.example.com");
  ASSERT_EQ(upstream.clients.size(), 2U);
  EXPECT_EQ(upstream.clients[0], client_at(client));
  EXPECT_EQ(upstream.clients[1], client_behind("attached/7"));
}

/// Of an attached container: `narrowing` are rules, `neighbour` has an address.
std::shared_ptr<const policy::Policy> attached(const PolicyText& text,
                                               const std::vector<std::string>& narrowing,
                                               std::string_view neighbour = "db") {
  auto made = make_policy(text);
  if (!narrowing.empty()) made->narrowing = make_policy({.allow = narrowing})->matcher;
  policy::LocalData names(wire::process_hash_key());
  names.add(name(neighbour), false, {.type = Type::kA, .ttl = 5, .rdata = {172, 18, 0, 3}});
  made->neighbours = std::make_shared<const policy::Neighbours>(std::move(names));
  return made;
}

TEST_F(EngineTest, NarrowingAllowsOnlyWhatBothAllow) {
  use_policy(attached({.allow = {"example.com", "test"}}, {"a.example.com", "other.org"}));
  ask("x.a.example.com");
  EXPECT_EQ(disposition, Disposition::kPending);
  EXPECT_EQ(ask("b.example.com").rcode(), Rcode::kNxDomain);
  EXPECT_EQ(ask("example.com").rcode(), Rcode::kNoError) << "lies above an allowed name";
  EXPECT_EQ(ask("example.com").answers(), 0);
  EXPECT_EQ(ask("x.test").rcode(), Rcode::kNxDomain);
  EXPECT_EQ(ask("other.org").rcode(), Rcode::kNxDomain) << "a label never widens";
  EXPECT_TRUE(ask("x.test", Type::kA, true).contains("rule=narrowed"));
}

TEST_F(EngineTest, WhatOthersInTheNamespaceDenyIsDenied) {
  const auto held = [](const PolicyText& text) {
    auto made = attached({.allow = {"example.com", "test"}}, {"a.example.com", "test"});
    auto policy = std::make_shared<policy::Policy>(*made);
    policy->others = {make_policy({.allow = {"example.com"}})->matcher, make_policy(text)->matcher};
    policy->grants->aliases.grant(name("x.a.example.com"),
                                  {name("test"), Clock::now() + Seconds(60), true, {}},
                                  Clock::now());
    return policy;
  };
  use_policy(held({.allow = {"example.com"}}));
  ask("b.a.example.com");
  EXPECT_EQ(disposition, Disposition::kPending);
  EXPECT_EQ(ask("b.example.com").rcode(), Rcode::kNxDomain) << "a label narrows";
  EXPECT_EQ(ask("x.test").rcode(), Rcode::kNxDomain) << "one of them doesn't allow it";
  use_policy(held({.allow = {"example.com"}, .deny = {"a.example.com"}}));
  EXPECT_EQ(ask("x.a.example.com").rcode(), Rcode::kNxDomain) << "no grant lifts a rule of theirs";
  use_policy(held({.allow = {"example.com"}, .records = {"y.a.example.com A 10.0.0.1"}}));
  EXPECT_EQ(ask("y.a.example.com").rcode(), Rcode::kNxDomain) << "they ask nobody for it";
}

TEST_F(EngineTest, NoGrantLiftsADenialByName) {
  const auto granted = [&](const std::shared_ptr<const policy::Policy>& policy) {
    policy->grants->aliases.grant(
        name("example.com"), {name("foo.com"), Clock::now() + Seconds(60), true, {}}, Clock::now());
    use_policy(policy);
    ask("example.com", Type::kTxt);
    return disposition == Disposition::kPending;
  };
  const PolicyText text{.allow = {"foo.com", "api.example.com"}, .deny = {"example.com"}};
  EXPECT_FALSE(granted(make_policy(text)));
  EXPECT_FALSE(granted(attached(text, {"foo.com"})));
  EXPECT_FALSE(
      granted(attached({.allow = {"foo.com"}, .deny = {"example.com"}}, {}, "db.example.com")));
  EXPECT_TRUE(granted(attached({.allow = {"foo.com", "example.com"}}, {"foo.com"})))
      << "which an allowed name led to";
}

TEST_F(EngineTest, NeighboursAreAnsweredWhateverTheRules) {
  use_policy(attached({.records = {"mine A 10.0.0.1"}}, {"none.test"}));
  EXPECT_EQ(ask("db").answers(), 1);
  EXPECT_TRUE(ask("db").authoritative());
  EXPECT_EQ(ask("db", Type::kAaaa).rcode(), Rcode::kNoError);
  EXPECT_EQ(ask("db", Type::kAaaa).answers(), 0) << "musl fails on NXDOMAIN for one family";
  EXPECT_EQ(ask("tired.com").rcode(), Rcode::kNxDomain);
  use_policy(attached({.records = {"db A 10.0.0.1"}}, {}, "db"));
  EXPECT_TRUE(ask("db").contains(std::string("\x0a\x00\x00\x01", 4))) << "the operator's own wins";
}

TEST_F(EngineTest, AboveANeighbourIsNoNxdomain) {
  use_policy(attached({}, {}, "db.app_net"));
  EXPECT_EQ(ask("app_net").rcode(), Rcode::kNoError);
  EXPECT_EQ(ask("other_net").rcode(), Rcode::kNxDomain);
}

TEST_F(EngineTest, UnderOverloadOnlyDenialsGoUnanswered) {
  use({.allow = {"api.good.test"}, .deny = {"bad.good.test"}, .records = {"db.test A 10.0.0.5"}});
  allowance = ReplyAllowance::kNoDenial;
  for (const auto* const denied : {"evil.test", "bad.good.test", "good.test"}) {
    EXPECT_TRUE(ask(denied).bytes.empty()) << denied;
    EXPECT_EQ(disposition, Disposition::kDrop);
  }
  EXPECT_EQ(ask("db.test").answers(), 1);
  ask("api.good.test");
  EXPECT_EQ(disposition, Disposition::kPending);
  EXPECT_EQ(counters.get(Counter::kShed), 3U);
  EXPECT_EQ(counters.get(Counter::kDenied), 0U);
}

TEST_F(EngineTest, AClientThatAsksTooMuchGetsNothingOrIsSentToTcp) {
  use({.allow = {"good.test"}});
  allowance = ReplyAllowance::kTruncated;
  for (const auto* const any : {"good.test", "evil.test"}) {
    const Reply reply = ask(any, Type::kA, true);
    EXPECT_EQ(reply.word(2) & 0x0200, 0x0200) << any;
    EXPECT_EQ(reply.rcode(), Rcode::kNoError);
    EXPECT_EQ(reply.answers() + reply.authorities(), 0);
  }
  allowance = ReplyAllowance::kNothing;
  EXPECT_TRUE(ask("good.test").bytes.empty());
  EXPECT_EQ(disposition, Disposition::kDrop);
  EXPECT_EQ(counters.get(Counter::kRateLimited), 3U);
  EXPECT_TRUE(upstream.asked.empty());
}

}  // namespace
}  // namespace nxgate::engine
