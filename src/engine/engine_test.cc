#include "engine/engine.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "policy/local_data.h"
#include "policy/rule_set.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace nxgate::engine {
namespace {

using telemetry::Counter;
using wire::Rcode;
using wire::Type;

wire::DomainName name(std::string_view text) { return *wire::DomainName::from_text(text); }

struct PolicyText {
  std::string name = "default";
  std::vector<std::string> allow;
  std::vector<std::string> deny;
  std::vector<std::string> records;
  policy::DenyReply reply = policy::DenyReply::kNxDomain;
  policy::FailureReply on_failure = policy::FailureReply::kServFail;
  std::vector<Type> suppressed = {};
};

std::shared_ptr<policy::Policy> make_policy(const PolicyText& text) {
  const std::uint64_t key = wire::process_hash_key();
  policy::RuleSet rules;
  const auto add = [&rules](const std::vector<std::string>& list, policy::Action action) {
    for (const std::string& line : list) {
      const auto rule = policy::parse_rule(line);
      rules.add({rule->name, rule->scope, action, {"test", 1, 1}});
    }
  };
  add(text.allow, policy::Action::kAllow);
  add(text.deny, policy::Action::kDeny);
  auto local = std::make_unique<policy::LocalData>(key);
  for (const std::string& line : text.records) {
    const auto record = policy::parse_record(line);
    local->add(record->owner, record->wildcard, record->record);
  }
  auto made = std::make_shared<policy::Policy>();
  made->name = text.name;
  made->deny = text.reply;
  made->deny_v4 = IpAddress::parse("192.0.2.1");
  made->on_upstream_failure = text.on_failure;
  made->suppressed_types = text.suppressed;
  made->matcher = std::make_unique<policy::Matcher>(std::move(rules), local->names(),
                                                    std::span<const policy::Route>{});
  made->local = std::move(local);
  made->grants = std::make_unique<policy::Grants>(key);
  return made;
}

std::shared_ptr<const Snapshot> make_snapshot(std::shared_ptr<const policy::Policy> policy,
                                              bool covers_all = true) {
  policy::PolicySet::Policies policies;
  policies.push_back(std::move(policy));
  return std::make_shared<const Snapshot>(Snapshot{
      .generation = 7,
      .policies = policy::PolicySet(std::move(policies), {},
                                    covers_all ? std::uint16_t{0} : policy::PolicySet::kNone),
      .groups = {{.name = "up", .identity = 42}},
      .options = {}});
}

/// Keeps what it is asked until the test answers.
class FakeUpstream : public Upstream {
 public:
  void submit(const cache::Key& key, UpstreamCallback done) override {
    asked.push_back(key);
    waiting.push_back(std::move(done));
  }
  std::vector<cache::Key> asked;
  std::vector<UpstreamCallback> waiting;
};

struct Reply {
  std::vector<std::uint8_t> bytes;
  [[nodiscard]] std::uint16_t word(std::size_t at) const {
    return static_cast<std::uint16_t>(bytes.at(at) << 8 | bytes.at(at + 1));
  }
  [[nodiscard]] Rcode rcode() const { return Rcode{static_cast<std::uint16_t>(word(2) & 15)}; }
  [[nodiscard]] bool authoritative() const { return (word(2) & 0x0400) != 0; }
  [[nodiscard]] std::uint16_t answers() const { return word(6); }
  [[nodiscard]] std::uint16_t authorities() const { return word(8); }
  [[nodiscard]] bool contains(std::string_view text) const {
    return std::string(bytes.begin(), bytes.end()).find(text) != std::string::npos;
  }
};

class EngineTest : public testing::Test {
 protected:
  void use(const PolicyText& text, bool covers_all = true) {
    use_policy(make_policy(text), covers_all);
  }

  void use_policy(std::shared_ptr<const policy::Policy> policy, bool covers_all = true) {
    cell.publish(make_snapshot(std::move(policy), covers_all));
    engine.refresh();
  }

  Reply ask(std::string_view qname, Type type = Type::kA, bool with_opt = false,
            std::uint16_t qclass = 1) {
    std::array<std::uint8_t, 600> message{};
    wire::Writer writer(message);
    for (const int word : {0x1234, 0x0100, 1, 0, 0, with_opt ? 1 : 0}) {
      writer.u16(static_cast<std::uint16_t>(word));
    }
    writer.bytes(name(qname).wire());
    writer.u16(static_cast<std::uint16_t>(type));
    writer.u16(qclass);
    if (with_opt) writer.bytes(std::array<std::uint8_t, 11>{0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0});
    Request request{.message = writer.written(),
                    .client = {*IpAddress::parse("10.0.0.7"), 4000},
                    .received = now,
                    .ration = ration};
    Reply reply;
    reply.bytes.resize(4096);
    const Handled handled = engine.handle(request, reply.bytes, [this] {
      return [this](Bytes bytes) { late.bytes.assign(bytes.begin(), bytes.end()); };
    });
    disposition = handled.disposition;
    reply.bytes.resize(handled.size);
    return reply;
  }

  std::shared_ptr<cache::Answer> address_answer(const cache::Key& key, std::uint32_t ttl = 60,
                                                std::vector<wire::DomainName> targets = {}) {
    const std::vector<std::uint8_t> body{
        0xc0, 12, 0, 1, 0, 1, 0, 0, 0, static_cast<std::uint8_t>(ttl), 0, 4, 9, 9, 9, 9};
    auto answer = cache::new_answer(body, std::array<std::uint16_t, 1>{6}, targets);
    answer->key = key;
    answer->answers = 1;
    answer->stored = now;
    answer->ttl = ttl;
    return answer;
  }

  Instant now = Clock::now();
  SnapshotCell<Snapshot> cell{make_snapshot(make_policy({}))};
  cache::Cache cache{{}};
  FakeUpstream upstream;
  telemetry::Counters counters;
  NameBudget budget;
  Engine engine{cell, cache, upstream, counters, budget};
  Ration ration = Ration::kWhole;
  Disposition disposition{};
  Reply late;
};

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
std::shared_ptr<const policy::Policy> limited(policy::Exfiltration limits) {
  auto made = make_policy({.name = "ci",
                           .allow = {"example.com", "=exact.example.com"},
                           .records = {"www.test CNAME real.example.com"}});
  made->exfiltration = std::make_shared<const policy::Exfiltration>(std::move(limits));
  return made;
}

TEST_F(EngineTest, NewNamesBelowARuleArePaidFor) {
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
  EXPECT_EQ(counters.get(Counter::kExcessive), 1U);
  now += Seconds(30);
  ask("c.example.com");
  EXPECT_EQ(disposition, Disposition::kPending) << "half a minute later";
}

TEST_F(EngineTest, TargetsOfCnamesArePaidForLikeOtherNames) {
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

TEST_F(EngineTest, OneClientCannotFillTheRoomOfAll) {
  use({.allow = {"example.com"}});
  for (std::uint32_t i = 0; i < Engine::kMostWaitingOfOneClient; ++i) {
    ask(std::to_string(i) + ".example.com");
    ASSERT_EQ(disposition, Disposition::kPending);
  }
  EXPECT_EQ(ask("one-more.example.com").rcode(), Rcode::kServFail);
  upstream.waiting.at(0)({nullptr, UpstreamFailure::kTimeout});
  ask("one-more.example.com");
  EXPECT_EQ(disposition, Disposition::kPending);
}

TEST_F(EngineTest, PolicyIsAskedBeforeTheCache) {
  use({.allow = {"example.com"}});
  ask("example.com");
  cache.insert(address_answer(upstream.asked.at(0)));
  use({});
  EXPECT_EQ(ask("example.com").rcode(), Rcode::kNxDomain);
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

TEST_F(EngineTest, NoGrantLiftsADenialByName) {
  const auto granted = [&](const std::shared_ptr<const policy::Policy>& policy) {
    policy->grants->grant(name("example.com"), Clock::now() + Seconds(60));
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

TEST_F(EngineTest, UnderPressureOnlyDenialsGoUnanswered) {
  use({.allow = {"api.good.test"}, .deny = {"bad.good.test"}, .records = {"db.test A 10.0.0.5"}});
  ration = Ration::kNoDenial;
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
  ration = Ration::kTruncated;
  for (const auto* const any : {"good.test", "evil.test"}) {
    const Reply reply = ask(any, Type::kA, true);
    EXPECT_EQ(reply.word(2) & 0x0200, 0x0200) << any;
    EXPECT_EQ(reply.rcode(), Rcode::kNoError);
    EXPECT_EQ(reply.answers() + reply.authorities(), 0);
  }
  ration = Ration::kNothing;
  EXPECT_TRUE(ask("good.test").bytes.empty());
  EXPECT_EQ(disposition, Disposition::kDrop);
  EXPECT_EQ(counters.get(Counter::kRateLimited), 3U);
  EXPECT_TRUE(upstream.asked.empty());
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
