#include "engine/engine.h"

#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "engine/engine_fixture.h"

namespace nxgate::engine {
namespace {

TEST_F(EngineTest, DeniesWithAuthorityAndSoa) {
  const Reply reply = ask("www.example.com");
  EXPECT_EQ(reply.rcode(), Rcode::kNxDomain);
  EXPECT_TRUE(reply.authoritative());
  EXPECT_EQ(reply.authorities(), 1);
  EXPECT_EQ(reply.word(10), 0);
  EXPECT_EQ(counters.get(Counter::kDenied), 1U);
  EXPECT_EQ(counters.get(Counter::kUdpQueries), 1U);
}

TEST_F(EngineTest, EdeNamesPolicyAndRule) {
  use({.name = "ci", .allow = {"example.com"}, .deny = {"ads.example.com"}});
  EXPECT_TRUE(ask("x.test", Type::kA, true).contains("policy=ci rule=default"));
  EXPECT_TRUE(ask("ads.example.com", Type::kA, true).contains("policy=ci rule=ads.example.com"));
  EXPECT_FALSE(ask("x.test").contains("policy="));
}

TEST_F(EngineTest, RootAndAncestorsAreNoData) {
  use({.allow = {"api.example.com"}});
  for (const char* qname : {".", "com", "example.com"}) {
    const Reply reply = ask(qname);
    EXPECT_EQ(reply.rcode(), Rcode::kNoError) << qname;
    EXPECT_EQ(reply.answers(), 0) << qname;
    EXPECT_EQ(reply.authorities(), 1) << qname;
  }
  EXPECT_EQ(ask("other.example.com").rcode(), Rcode::kNxDomain);
  EXPECT_EQ(counters.get(Counter::kNoData), 3U);
}

TEST_F(EngineTest, EachDenyReply) {
  use({.reply = policy::DenyReply::kNoData});
  EXPECT_EQ(ask("x.test").rcode(), Rcode::kNoError);
  use({.reply = policy::DenyReply::kRefused});
  EXPECT_EQ(ask("x.test").rcode(), Rcode::kRefused);
  use({.reply = policy::DenyReply::kDrop});
  ask("x.test");
  EXPECT_EQ(disposition, Disposition::kDrop);
  use({.reply = policy::DenyReply::kAddress});
  EXPECT_TRUE(ask("x.test").contains(std::string_view("\xc0\x00\x02\x01", 4)));
  EXPECT_EQ(ask("x.test", Type::kAaaa).answers(), 0);
}

TEST_F(EngineTest, UncoveredClientIsProhibited) {
  use({}, false);
  const Reply reply = ask("x.test", Type::kA, true);
  EXPECT_EQ(reply.rcode(), Rcode::kNxDomain);
  EXPECT_TRUE(reply.contains("no policy covers this client"));
  EXPECT_EQ(ask(".").rcode(), Rcode::kNoError);
}

TEST_F(EngineTest, SuppressedTypeIsNoData) {
  use({.allow = {"example.com"}, .suppressed = {Type::kAaaa}});
  const Reply reply = ask("example.com", Type::kAaaa);
  EXPECT_EQ(reply.rcode(), Rcode::kNoError);
  EXPECT_EQ(reply.authorities(), 1);
  ask("example.com", Type::kA);
  EXPECT_EQ(disposition, Disposition::kPending);
}

TEST_F(EngineTest, LocalDataAndItsMissingTypes) {
  use({.records = {"db.test A 10.0.0.5", "db.test A 10.0.0.6"}});
  EXPECT_EQ(ask("db.test").answers(), 2);
  EXPECT_EQ(ask("db.test", Type::kAaaa).answers(), 0);
  EXPECT_EQ(ask("db.test", Type::kAaaa).authorities(), 1);
  EXPECT_EQ(ask("db.test", Type::kAny).answers(), 1);
  EXPECT_EQ(ask("test").rcode(), Rcode::kNoError);
  EXPECT_EQ(ask("x.db.test").rcode(), Rcode::kNxDomain);
}

TEST_F(EngineTest, LocalCnameIsFollowedLocally) {
  use({.records = {"www.test CNAME db.test", "db.test A 10.0.0.5"}});
  const Reply reply = ask("www.test");
  EXPECT_EQ(reply.answers(), 2);
  // The A record's owner is the rdata of the CNAME.
  const std::size_t cname_rdata = 12 + name("www.test").wire().size() + 4 + 12;
  const std::size_t second = cname_rdata + name("db.test").wire().size();
  EXPECT_EQ(reply.word(second), 0xc000 | cname_rdata);
  EXPECT_EQ(ask("www.test", Type::kCname).answers(), 1);
}

TEST_F(EngineTest, LocalCnameLoopEnds) {
  use({.records = {"a.test CNAME b.test", "b.test CNAME a.test"}});
  EXPECT_EQ(ask("a.test").rcode(), Rcode::kNoError);
}

TEST_F(EngineTest, LocalCnameIsNoWayAroundASuppressedType) {
  use({.records = {"www.test CNAME real.example.com"}, .suppressed = {Type::kAaaa}});
  const Reply reply = ask("www.test", Type::kAaaa);
  EXPECT_EQ(reply.rcode(), Rcode::kNoError);
  EXPECT_EQ(reply.answers(), 0);
  EXPECT_EQ(reply.authorities(), 1);
  EXPECT_TRUE(upstream.asked.empty());
}

TEST_F(EngineTest, LocalCnameLeadsUpstreamWithoutARule) {
  use({.records = {"www.test CNAME real.example.com"}});
  ask("www.test");
  ASSERT_EQ(disposition, Disposition::kPending);
  EXPECT_EQ(upstream.asked.at(0).question.name, name("real.example.com"));
  upstream.waiting.at(0)({address_answer(upstream.asked[0]), UpstreamFailure::kNone});
  EXPECT_EQ(late.answers(), 2);
  const std::size_t cname_rdata = 12 + name("www.test").wire().size() + 4 + 12;
  EXPECT_EQ(late.word(cname_rdata + name("real.example.com").wire().size()), 0xc000 | cname_rdata);
}

TEST_F(EngineTest, ForwardsOnceAndThenServesFromTheCache) {
  use({.allow = {"example.com"}});
  ask("example.com");
  ASSERT_EQ(disposition, Disposition::kPending);
  EXPECT_EQ(upstream.asked.at(0).group, 42U);
  const auto answer = address_answer(upstream.asked[0]);
  cache.insert(answer);
  upstream.waiting.at(0)({answer, UpstreamFailure::kNone});
  EXPECT_EQ(late.answers(), 1);
  EXPECT_FALSE(late.authoritative());
  EXPECT_EQ(late.word(0), 0x1234);

  now += Seconds(20);
  const Reply hit = ask("example.com");
  ASSERT_EQ(disposition, Disposition::kReply);
  EXPECT_EQ(hit.bytes.at(hit.bytes.size() - 7), 40);  // the TTL has counted down
  EXPECT_EQ(upstream.asked.size(), 1U);
  EXPECT_EQ(counters.get(Counter::kCacheHits), 1U);
}

TEST_F(EngineTest, PrefetchesOnceInTheLastTenth) {
  use({.allow = {"example.com"}});
  ask("example.com");
  cache.insert(address_answer(upstream.asked.at(0)));
  now += Seconds(55);
  ask("example.com");
  ask("example.com");
  EXPECT_EQ(disposition, Disposition::kReply);
  EXPECT_EQ(upstream.asked.size(), 2U);
}

TEST_F(EngineTest, StaleAnswerServesWhenUpstreamFails) {
  use({.allow = {"example.com"}});
  ask("example.com");
  cache.insert(address_answer(upstream.asked.at(0)));
  now += Seconds(61);
  ask("example.com", Type::kA, true);
  ASSERT_EQ(disposition, Disposition::kPending);
  // The engine takes the time of the late reply from the clock, so the answer is made old enough.
  auto old = address_answer(upstream.asked[0]);
  old->stored = Clock::now() - Seconds(100);
  cache.insert(old);
  now = Clock::now();
  ask("example.com", Type::kA, true);
  upstream.waiting.at(2)({nullptr, UpstreamFailure::kTimeout});
  EXPECT_EQ(late.rcode(), Rcode::kNoError);
  EXPECT_EQ(late.answers(), 1);
  EXPECT_TRUE(late.contains(std::string_view("\0\x0f\0\2\0\3", 6)));  // EDE 3 Stale Answer
}

TEST_F(EngineTest, FailureIsServFailOrByOptionNxDomain) {
  use({.allow = {"example.com"}});
  ask("example.com", Type::kA, true);
  upstream.waiting.at(0)({nullptr, UpstreamFailure::kTimeout});
  EXPECT_EQ(late.rcode(), Rcode::kServFail);
  EXPECT_TRUE(late.contains("upstream=up: timeout"));
  use({.allow = {"example.com"}, .on_failure = policy::FailureReply::kNxDomain});
  ask("example.com");
  upstream.waiting.at(1)({nullptr, UpstreamFailure::kTimeout});
  EXPECT_EQ(late.rcode(), Rcode::kNxDomain);
}

TEST_F(EngineTest, CnameTargetIsGrantedButNotAgainstADenyRule) {
  use({.allow = {"example.com"}, .deny = {"bad.net"}});
  ask("example.com");
  const auto answer =
      address_answer(upstream.asked.at(0), 60, {name("edge.cdn.net"), name("bad.net")});
  upstream.waiting.at(0)({answer, UpstreamFailure::kNone});
  ask("edge.cdn.net");
  EXPECT_EQ(disposition, Disposition::kPending);
  EXPECT_EQ(ask("bad.net").rcode(), Rcode::kNxDomain);
  EXPECT_EQ(ask("cdn.net").rcode(), Rcode::kNxDomain);
}

/// A policy that allows all below example.com, with limits to the names.

TEST_F(EngineTest, PolicyIsAskedBeforeTheCache) {
  use({.allow = {"example.com"}});
  ask("example.com");
  cache.insert(address_answer(upstream.asked.at(0)));
  use({});
  EXPECT_EQ(ask("example.com").rcode(), Rcode::kNxDomain);
}

TEST_F(EngineTest, EdeNamesTheRuleThatDenies) {
  use({.allow = {"good.test"}, .deny = {"=a.bad.test", "*.c.good.test"}});
  EXPECT_TRUE(ask("a.bad.test", Type::kA, true).contains("rule==a.bad.test"));
  EXPECT_TRUE(ask("x.c.good.test", Type::kA, true).contains("rule=*.c.good.test"));
  const std::string longest =
      std::string(60, 'x') + '.' + std::string(60, 'y') + '.' + std::string(60, 'z') + ".good.test";
  use({.deny = {longest}});
  EXPECT_TRUE(ask(longest, Type::kA, true).contains(longest.substr(0, 130)));
}

TEST_F(EngineTest, OtherClassesAndTypesThatAreNoQuestions) {
  EXPECT_EQ(ask("version.bind", Type::kTxt, false, 3).rcode(), Rcode::kRefused);
  EXPECT_EQ(ask("example.com", Type::kA, false, 4).rcode(), Rcode::kRefused);
  EXPECT_EQ(ask("example.com", Type::kOpt).rcode(), Rcode::kFormErr);
  use({.allow = {"example.com"}});
  EXPECT_EQ(ask("example.com", Type::kAxfr).rcode(), Rcode::kRefused);
  EXPECT_TRUE(upstream.asked.empty());
}

}  // namespace
}  // namespace nxgate::engine
