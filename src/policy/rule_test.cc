#include "policy/rule.h"

#include <random>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/list.h"
#include "policy/rule_set.h"
#include "wire/name.h"

namespace nxgate::policy {
namespace {

using testing::HasSubstr;

wire::DomainName name_of(const char* text) { return wire::DomainName::from_text(text).value(); }

TEST(Rule, ReadsEachFormAndPrintsItBack) {
  struct Case {
    const char* text;
    Scope scope;
    const char* name;
    const char* printed;
  };
  for (const Case& c : {
           Case{"example.com", Scope::kSubtree, "example.com", "example.com"},
           Case{".example.com", Scope::kSubtree, "example.com", "example.com"},
           Case{"Example.COM.", Scope::kSubtree, "example.com", "example.com"},
           Case{"=example.com", Scope::kExact, "example.com", "=example.com"},
           Case{"*.example.com", Scope::kBelow, "example.com", "*.example.com"},
           Case{"  =a.b  ", Scope::kExact, "a.b", "=a.b"},
           Case{".", Scope::kSubtree, ".", "."},
           Case{"=.", Scope::kExact, ".", "=."},
           Case{"*", Scope::kBelow, ".", "*"},
           Case{"*.", Scope::kBelow, ".", "*"},
           Case{"a\\.b.c", Scope::kSubtree, "a\\.b.c", "a\\.b.c"},
           Case{"_dmarc.x-1.test", Scope::kSubtree, "_dmarc.x-1.test", "_dmarc.x-1.test"},
           Case{"0/25.2.0.192.in-addr.arpa", Scope::kSubtree, "0/25.2.0.192.in-addr.arpa",
                "0/25.2.0.192.in-addr.arpa"},
       }) {
    const auto rule = parse_rule(c.text);
    ASSERT_TRUE(rule) << c.text << ": " << rule.error().message;
    EXPECT_EQ(rule->scope, c.scope) << c.text;
    EXPECT_EQ(rule->name, name_of(c.name)) << c.text;
    EXPECT_FALSE(rule->force);
    EXPECT_EQ(to_string(rule->scope, rule->name), c.printed);
  }
}

TEST(Rule, RefusesWhatIsNoNameAndSaysWhy) {
  struct Case {
    const char* text;
    const char* why;
  };
  for (const Case& c : {
           Case{"", "empty rule"},
           Case{"a..b", "empty label"},
           Case{"..a", "empty label"},
           Case{"=", "empty"},
           Case{"a.*.b", "may only stand at the start"},
           Case{"*a.b", "may only stand at the start"},
           Case{"=*.b", "may only stand at the start"},
           Case{"*.*.b", "may only stand at the start"},
           Case{"10.0.0.1", "address"},
           Case{"10.0.0.0/8", "address"},
           Case{"2001:db8::1", "address"},
           Case{"https://example.com/", "scheme"},
           Case{"a.com,b.com", "one rule"},
           Case{"a\\,b", "one rule"},
           Case{"\\042.b", "may only stand at the start"},
           Case{"\\=a.b", "may only stand at the start"},
           Case{"a.com b.com", "only `force`"},
           Case{"a.com force force", "only `force`"},
           Case{"b\xc3\xbc\x63her.example", "xn--"},
           Case{"a\\999", "escape"},
       }) {
    const auto rule = parse_rule(c.text);
    ASSERT_FALSE(rule) << c.text;
    EXPECT_THAT(rule.error().message, HasSubstr(c.why)) << c.text;
    EXPECT_THAT(rule.error().message, HasSubstr(c.text));
  }
}

TEST(Rule, KnowsPublicSuffixes) {
  for (const char* text : {".", "com", "co.uk", "github.io", "in-addr.arpa", "ck", "any.ck"}) {
    EXPECT_TRUE(is_public_suffix(name_of(text).wire())) << text;
  }
  for (const char* text : {"example.com", "foo.github.io", "www.ck", "lan", "home", "corp",
                           "internal", "test", "localhost", "co\\.uk"}) {
    EXPECT_FALSE(is_public_suffix(name_of(text).wire())) << text;
  }
}

TEST(Rule, ARegisteredDomainIsWhatARegistryGaveAway) {
  struct Case {
    const char* name;
    const char* domain;
  };
  for (const Case& c :
       {Case{"a.b.example.com", "example.com"}, Case{"example.com", "example.com"},
        Case{"a.example.co.uk", "example.co.uk"}, Case{"a.b.pvt.k12.ma.us", "b.pvt.k12.ma.us"},
        Case{"a.b.any.ck", "b.any.ck"}, Case{"a.www.ck", "www.ck"},
        Case{"a.foo.github.io", "github.io"}, Case{"a.b.lan", "lan"}, Case{"co.uk", "co.uk"},
        Case{"a\\.example.com", "a\\.example.com"}, Case{"a.b\\.co.uk", "b\\.co.uk"},
        Case{".", "."}}) {
    EXPECT_EQ(registered_domain(name_of(c.name)), name_of(c.domain)) << c.name;
  }
}

TEST(Rule, OnlyForceAllowsAllBelowAPublicSuffix) {
  for (const char* text : {"com", "*.com", ".co.uk", "github.io", ".", "*"}) {
    const auto refused = parse_rule(text, Action::kAllow);
    ASSERT_FALSE(refused) << text;
    EXPECT_THAT(refused.error().message, HasSubstr("force"));
    EXPECT_TRUE(parse_rule(text, Action::kDeny)) << text;
    const auto forced = parse_rule(std::string(text) + " force", Action::kAllow);
    ASSERT_TRUE(forced) << text;
    EXPECT_TRUE(forced->force);
  }
  EXPECT_TRUE(parse_rule("=com", Action::kAllow));
  EXPECT_TRUE(parse_rule("lan", Action::kAllow));
  EXPECT_TRUE(parse_rule("*.example.com", Action::kAllow));
}

TEST(RuleList, ReadsRulesAndCollectsFaults) {
  const ParsedList list = parse_list(
      "# a list\n"
      "example.com\n"
      "\n"
      "  *.pypi.org\t# behind a rule\r\n"
      "com\n"
      "a..b\n"
      "com force\n"
      "=last.test",
      {"my.list"}, Action::kAllow);
  const Faults& faults = list.faults;
  RuleSet rules;
  rules.add(list);
  ASSERT_EQ(faults.size(), 2U);
  EXPECT_THAT(to_string(faults[0]), HasSubstr("my.list:5:1: `com`"));
  EXPECT_THAT(to_string(faults[1]), HasSubstr("my.list:6:1: `a..b`"));
  EXPECT_EQ(rules.size(), 4U);
  const std::vector<Rule> standing = rules.standing();
  ASSERT_EQ(standing.size(), 4U);
  EXPECT_EQ(standing[1].name, name_of("pypi.org"));
  EXPECT_EQ(standing[1].scope, Scope::kBelow);
  EXPECT_EQ(standing[1].action, Action::kAllow);
  EXPECT_EQ(standing[1].at, (Location{"my.list", 4, 3}));
  EXPECT_EQ(standing[2].name, name_of("com"));
  EXPECT_EQ(standing[3].at, (Location{"my.list", 8, 1}));
}

TEST(RuleList, PlainLinesAreReadAsAnyOther) {
  std::mt19937 random(20261123);
  const std::string_view letters = "aaabbcZ09-_...=* #";
  for (int round = 0; round < 20'000; ++round) {
    std::string line;
    for (std::size_t size = random() % 12; size > 0; --size) {
      line += letters[random() % letters.size()];
    }
    if (random() % 40 == 0) line += std::string(70, 'l');
    if (random() % 20 == 0) line += ".com";
    const ParsedList list = parse_list(line, {"any.list"}, Action::kAllow);
    RuleSet rules;
    rules.add(list);
    const auto uncommented = std::string_view(line).substr(0, line.find('#'));
    const bool blank = uncommented.find_first_not_of(' ') == std::string_view::npos;
    const auto rule = parse_rule(uncommented, Action::kAllow);
    ASSERT_EQ(rules.size(), !blank && rule ? 1U : 0U) << line;
    ASSERT_EQ(list.faults.size(), !blank && !rule ? 1U : 0U) << line;
    if (blank || !rule) continue;
    ASSERT_EQ(rules.standing()[0].name, rule->name) << line;
    ASSERT_EQ(rules.standing()[0].scope, rule->scope) << line;
  }
}

TEST(RuleSet, TellsWhichNamesItMentions) {
  RuleSet rules;
  rules.add({.name = name_of("a.example"), .at = {.file = "x"}});
  rules.add({.name = name_of("b"), .at = {.file = "y", .line = 7, .column = 9}});
  for (const char* text : {"a.example", "b"}) EXPECT_TRUE(rules.mentions(name_of(text))) << text;
  for (const char* text : {"example", "c", ".", "a", "b.b"}) {
    EXPECT_FALSE(rules.mentions(name_of(text))) << text;
  }
  const std::vector<Rule> standing = rules.standing();
  ASSERT_EQ(standing.size(), 2U);
  EXPECT_EQ(standing[0].at, (Location{"x", 0, 0}));
  EXPECT_EQ(standing[1].at, (Location{"y", 7, 9}));
}

TEST(Rule, MayHavePorts) {
  const auto ports = [](const char* text) {
    std::string printed;
    for (const Port& port : parse_rule(text, Action::kAllow).value().ports) {
      printed += port.to_string() + ' ';
    }
    return printed;
  };
  EXPECT_EQ(ports("github.com"), "");
  EXPECT_EQ(ports("github.com:tcp/22"), "tcp/22 ");
  EXPECT_EQ(ports("=github.com:22,udp/443"), "tcp/22 udp/22 udp/443 ");
  EXPECT_EQ(to_string(Scope::kExact, parse_rule("=github.com:22").value().name), "=github.com");
  for (const char* const text :
       {"a.test:", "a.test:ssh", "a.test:22,", "a.test:0", "a.test:65536"}) {
    const auto rule = parse_rule(text, Action::kAllow);
    ASSERT_FALSE(rule) << text;
    EXPECT_THAT(rule.error().message, HasSubstr("expected ports after the colon")) << text;
  }
  EXPECT_THAT(parse_rule("a.test:22", Action::kDeny).error().message,
              HasSubstr("only allow rules have ports"));
}

}  // namespace
}  // namespace nxgate::policy
