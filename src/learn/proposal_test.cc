#include "learn/proposal.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "learn/record.h"
#include "policy/matcher.h"
#include "policy/rule.h"
#include "policy/rule_set.h"
#include "wire/name.h"

namespace nxgate::learn {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kNoon = 1'764'000'000;

wire::DomainName name_of(const std::string& text) {
  return wire::DomainName::from_text(text).value();
}

void see(Record& record, const std::string& name, bool exists = true,
         wire::Type type = wire::Type::kA) {
  record.add(
      {.name = name_of(name), .type = type, .exists = exists, .client = "web", .when = kNoon});
}

/// The rules without their comments.
std::string rules_of(const Proposal& proposal) {
  std::string text;
  for (const ProposedRule& rule : proposal.rules) {
    text += policy::to_string(rule.scope, rule.name) + ' ';
  }
  return text;
}

TEST(Proposal, NamesStayExactUntilManyShareASuffix) {
  Record record;
  for (const char* name : {"a.cdn.example.com", "b.cdn.example.com", "c.cdn.example.com"})
    see(record, name);
  see(record, "example.com");
  EXPECT_EQ(rules_of(propose(record)),
            "=a.cdn.example.com =b.cdn.example.com =c.cdn.example.com =example.com ");
  see(record, "d.cdn.example.com");
  EXPECT_EQ(rules_of(propose(record)), "*.cdn.example.com =example.com ");
  see(record, "cdn.example.com");
  EXPECT_EQ(rules_of(propose(record)), "cdn.example.com =example.com ");
}

TEST(Proposal, AFoldNeverCrossesAPublicSuffix) {
  Record record;
  for (int i = 0; i < 9; ++i) {
    see(record, "site" + std::to_string(i) + ".com");
    see(record, "user" + std::to_string(i) + ".github.io");
    see(record, "shop" + std::to_string(i) + ".co.uk");
    see(record, "host" + std::to_string(i) + ".user.github.io");
  }
  const std::string rules = rules_of(propose(record));
  EXPECT_THAT(rules, HasSubstr("*.user.github.io "));
  EXPECT_THAT(rules, HasSubstr("=site0.com "));
  EXPECT_THAT(rules, HasSubstr("=user0.github.io "));
  EXPECT_THAT(rules, HasSubstr("=shop8.co.uk "));
  EXPECT_EQ(std::ranges::count(rules, '*'), 1);
}

TEST(Proposal, SetsNoiseApart) {
  Record record;
  see(record, "www.example.com");
  see(record, "www.example.com.corp.lan", false);
  see(record, "typo.example.com", false);
  see(record, "7.2.0.192.in-addr.arpa", false, wire::Type::kPtr);
  see(record, "_http._tcp.deb.example.org", true, wire::Type::kSrv);
  see(record, "2.debian.pool.ntp.org");
  const Proposal proposal = propose(record);
  EXPECT_EQ(rules_of(proposal), "=www.example.com ");
  std::string kinds;
  for (const auto& [noise, each] : proposal.apart) kinds += std::string(to_string(noise)) + ", ";
  EXPECT_EQ(kinds, "name of an address, service, time, search domain, does not exist, ");
  EXPECT_THAT(to_list(proposal, record, "ci"),
              HasSubstr("# =www.example.com.corp.lan      # search domain; 1 question, "));
}

TEST(Proposal, TheListAllowsWhatWasSeenAndNothingBeside) {
  Record record;
  for (int i = 0; i < 12; ++i) see(record, "s" + std::to_string(i) + ".img.example.net");
  for (const char* name : {"deb.example.org", "a\\.b.example.org", "x\\010y.example.org", "lan",
                           "registry.npmjs.example"}) {
    see(record, name);
  }
  const std::string list = to_list(propose(record), record, "ci\nevil.test");
  policy::RuleSet rules;
  ASSERT_EQ(policy::parse_list(list, {"proposed.list"}, policy::Action::kAllow, rules).size(), 0U)
      << list;
  const policy::Matcher matcher(std::move(rules), {}, {});
  const auto verdict = [&matcher](const wire::DomainName& name) {
    return matcher.match(wire::SuffixHashes(name, wire::process_hash_key())).verdict;
  };
  for (const auto& [name, seen] : record.names()) {
    EXPECT_EQ(verdict(name), policy::Verdict::kAllow) << name.to_text() << '\n' << list;
  }
  EXPECT_EQ(verdict(name_of("s99.img.example.net")), policy::Verdict::kAllow) << "folded";
  for (const char* name :
       {"deb2.example.org", "x.deb.example.org", "evil.test", "img2.example.net"}) {
    EXPECT_EQ(verdict(name_of(name)), policy::Verdict::kDeny) << name;
  }
  EXPECT_THAT(list, HasSubstr("*.img.example.net                # 12 names: s0.img.example.net, "));
  EXPECT_THAT(list, HasSubstr("and 4 more; 12 questions, 2025-11-24, by web\n"));
}

TEST(Proposal, TheDiffTellsWhatIsNewAndWhatNobodyUses) {
  Record record;
  see(record, "new.example.com");
  see(record, "www.used.example");
  policy::RuleSet rules;
  ASSERT_TRUE(policy::parse_list("used.example\nidle.example\n", {"old.list"},
                                 policy::Action::kAllow, rules)
                  .empty());
  EXPECT_EQ(
      to_diff(propose(record), rules.standing()),
      "+=new.example.com\n-idle.example  # old.list:2:1\n# 1 of the policy's rules are used.\n");
}

TEST(Record, SurvivesAsText) {
  Record record;
  see(record, "a\\.\\\"\\010.test", true, wire::Type::kAaaa);
  see(record, "b.test", false);
  const auto again = Record::from_json(record.to_json());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->to_json(), record.to_json());
  ASSERT_EQ(again->names().size(), 2U);
  EXPECT_FALSE(again->names().at(name_of("b.test")).exists);
  for (const char* text : {"", "{}", "[]", "{\"names\":[]}", "{\"names\":{\"a..b\":{}}}",
                           "{\"names\":{\"a.test\":7}}"}) {
    EXPECT_FALSE(Record::from_json(text)) << text;
  }
  EXPECT_TRUE(Record::from_json(R"({"names":{"a.test":{"count":"x","types":[{}],"clients":7}}})"));
}

TEST(Record, IsBounded) {
  Record record;
  for (std::size_t i = 0; i < Record::kMostNames + 10; ++i)
    see(record, "n" + std::to_string(i) + ".test");
  EXPECT_EQ(record.names().size(), Record::kMostNames);
  EXPECT_EQ(record.overflow(), 10U);
  for (int i = 0; i < 100; ++i) {
    record.add({.name = name_of("n0.test"), .client = std::to_string(i), .when = kNoon});
  }
  EXPECT_EQ(record.names().at(name_of("n0.test")).clients.size(), Seen::kMostClients);
}

}  // namespace
}  // namespace nxgate::learn
