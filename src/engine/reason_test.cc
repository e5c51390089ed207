#include "engine/reason.h"

#include <array>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/engine_fixture.h"

namespace nxgate::engine {
namespace {

using testing::StartsWith;

class ReasonTest : public testing::Test {
 protected:
  Decision decided(const char* qname, Type type = Type::kA) const {
    const wire::Question question{name(qname), type, wire::Class::kIn};
    return decide(*snapshot_, question, {}, {}, now_);
  }
  Reason reason(const char* qname, Type type = Type::kA) const {
    return reason_of(decided(qname, type));
  }
  void publish(bool covers_all = true) { snapshot_ = make_snapshot(policy_, covers_all); }

  Instant now_ = Clock::now();
  std::shared_ptr<policy::Policy> policy_ =
      make_policy({.name = "ci",
                   .allow = {"good.test", "=one.test", "ok.bad.test"},
                   .deny = {"*.no.good.test", "bad.test"},
                   .records = {"local.test A 192.0.2.9"},
                   .suppressed = {Type::kTxt}});
  std::shared_ptr<const Snapshot> snapshot_ = make_snapshot(policy_);
};

TEST_F(ReasonTest, NamesWhatDecided) {
  EXPECT_EQ(rule_of(reason("a.good.test")), "good.test");
  EXPECT_EQ(rule_of(reason("one.test")), "=one.test");
  EXPECT_EQ(rule_of(reason("a.no.good.test")), "*.no.good.test");
  EXPECT_EQ(rule_of(reason("x.example")), "default");
  EXPECT_EQ(rule_of(reason("test")), "ancestor");
  EXPECT_EQ(rule_of(reason("bad.test")), "bad.test") << "though it lies above an allowed name";
  EXPECT_EQ(rule_of(reason("local.test")), "local data");
  policy_->grants->aliases.grant(name("cdn.example"),
                                 {name("good.test"), now_ + Seconds(60), true, {}}, Clock::now());
  EXPECT_EQ(rule_of(reason("cdn.example")), "granted");
}

TEST_F(ReasonTest, NamesLimitsAndWhatNarrows) {
  policy_->exfiltration =
      std::make_shared<policy::Exfiltration>(policy::Exfiltration{.longest_label = 5});
  EXPECT_EQ(rule_of(reason("toolong.good.test")), "exfiltration.longest-label");
  policy::RuleSet rules;
  rules.add({name("one.test"), policy::Scope::kExact, policy::Action::kAllow, {"label", 1, 1}});
  policy_->narrowing = std::make_shared<policy::Matcher>(
      std::move(rules), std::span<const policy::Matcher::LocalName>{},
      std::span<const policy::Route>{});
  EXPECT_EQ(rule_of(reason("good.test")), "narrowed");
  EXPECT_EQ(rule_of(reason("one.test")), "=one.test");
}

TEST_F(ReasonTest, TextHasThePolicyToo) {
  EXPECT_EQ(to_string(reason("x.example")), "policy=ci rule=default");
  EXPECT_EQ(to_string(reason("a.good.test", Type::kTxt)),
            "policy=ci rule=good.test suppress-types");
  publish(false);
  EXPECT_EQ(to_string(reason("x.example")), "no policy covers this client");
  EXPECT_EQ(rule_of(reason("x.example")), "no policy");
}

TEST_F(ReasonTest, TextIsCutWhereThereIsNoRoom) {
  const std::string whole = to_string(reason("a.good.test"));
  std::array<char, 20> out{};
  EXPECT_EQ(write_text(reason("a.good.test"), out), out.size());
  EXPECT_EQ(std::string(out.data(), out.size()), whole.substr(0, out.size()));
  EXPECT_EQ(write_text(reason("a.good.test"), {}), 0U);
}

TEST_F(ReasonTest, InFullBeginsWithTheWordOrTellsTheRulesPlace) {
  EXPECT_EQ(in_full(reason("a.good.test")), "allow \"good.test\" (test:1:1)");
  EXPECT_EQ(in_full(reason("bad.test")), "deny \"bad.test\" (test:1:1)");
  EXPECT_EQ(in_full(reason("local.test")), "local data");
  for (const char* qname : {"x.example", "test"}) {
    EXPECT_THAT(in_full(reason(qname)), StartsWith(rule_of(reason(qname)) + ": "));
  }
}

TEST_F(ReasonTest, ABareNameIsJudgedAsAQuestionForIt) {
  policy_->exfiltration =
      std::make_shared<policy::Exfiltration>(policy::Exfiltration{.longest_label = 5});
  policy_->grants->aliases.grant(name("cdn.example"),
                                 {name("good.test"), now_ + Seconds(60), true, {}}, Clock::now());
  for (const auto& [qname, allowed] :
       std::vector<std::pair<const char*, bool>>{{"a.good.test", true},
                                                 {"toolong.good.test", false},
                                                 {"a.no.good.test", false},
                                                 {"test", false},
                                                 {"x.example", false},
                                                 {"local.test", true},
                                                 {"cdn.example", true}}) {
    const Judgement judgement = judge(*policy_, name(qname), now_);
    EXPECT_EQ(judgement.allowed(), allowed) << qname;
    EXPECT_EQ(rule_of(reason_of(judgement, Outcome::kForward)), rule_of(reason(qname))) << qname;
  }
}

}  // namespace
}  // namespace nxgate::engine
