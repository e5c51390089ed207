#include "policy/matcher.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "policy/rule.h"
#include "policy/rule_set.h"
#include "wire/name.h"

namespace nxgate::policy {
namespace {

constexpr std::uint64_t kKey = 0x9e3779b97f4a7c15;
/// With this key all hashes are alike.
constexpr std::uint64_t kWeakKey = 0;

wire::DomainName name_of(std::string_view text) {
  return wire::DomainName::from_text(text).value();
}

/// A policy in the words of the configuration.
struct Given {
  std::vector<const char*> allow;
  std::vector<const char*> deny;
  std::vector<const char*> local;  ///< `*.name` for a wildcard
  std::vector<const char*> routes;
  std::uint64_t key = kKey;

  [[nodiscard]] Matcher compiled() const {
    RuleSet rules(key);
    const auto add = [&](const char* text, Action action) {
      const auto rule = parse_rule(text).value();
      rules.add({.name = rule.name, .scope = rule.scope, .action = action, .at = {.file = text}});
    };
    for (const char* text : allow) add(text, Action::kAllow);
    for (const char* text : deny) add(text, Action::kDeny);
    std::vector<Matcher::LocalName> owners;
    for (const std::string_view text : local) {
      const bool wildcard = text.starts_with("*.");
      owners.push_back({name_of(text.substr(wildcard ? 2 : 0)), wildcard});
    }
    std::vector<Route> targets;
    for (const char* text : routes) targets.push_back({name_of(text), 0});
    return Matcher(std::move(rules), owners, targets);
  }

  [[nodiscard]] Match match(std::string_view text) const {
    const wire::DomainName name = name_of(text);
    return compiled().match(wire::SuffixHashes(name, key));
  }
  [[nodiscard]] Verdict verdict(std::string_view text) const { return match(text).verdict; }
};

constexpr Verdict kDeny = Verdict::kDeny;
constexpr Verdict kAncestor = Verdict::kAncestor;
constexpr Verdict kLocal = Verdict::kLocal;
constexpr Verdict kAllow = Verdict::kAllow;

TEST(Matcher, WithoutRulesDeniesEverythingButLeavesTheRootStanding) {
  const Given nothing;
  EXPECT_EQ(nothing.match("example.com"), Match{});
  EXPECT_EQ(nothing.verdict("com"), kDeny);
  EXPECT_EQ(nothing.verdict("."), kAncestor);
}

TEST(Matcher, ScopesCoverWhatTheySay) {
  const Given given{.allow = {"=exact.test", "*.below.test", "both.test"}};
  EXPECT_EQ(given.verdict("exact.test"), kAllow);
  EXPECT_EQ(given.verdict("a.exact.test"), kDeny);
  EXPECT_EQ(given.verdict("below.test"), kAncestor);
  EXPECT_EQ(given.verdict("a.below.test"), kAllow);
  EXPECT_EQ(given.verdict("a.b.below.test"), kAllow);
  EXPECT_EQ(given.verdict("both.test"), kAllow);
  EXPECT_EQ(given.verdict("a.b.both.test"), kAllow);
  EXPECT_EQ(given.verdict("test"), kAncestor);
  EXPECT_EQ(given.verdict("other.test"), kDeny);
}

TEST(Matcher, MatchesWholeLabelsOnly) {
  const Given given{.allow = {"example.com"}};
  for (const char* text : {"notexample.com", "example.com.evil.net", "xexample.com", "example.co",
                           "example.comm", "a\\.example.com", "example\\.com", "a.example\\.com"}) {
    EXPECT_EQ(given.verdict(text), kDeny) << text;
  }
  EXPECT_EQ(given.verdict("not.example.com"), kAllow);
  EXPECT_EQ(given.verdict("a\\.b.example.com"), kAllow);
}

TEST(Matcher, NamesAreBytesNotCStrings) {
  const Given given{.allow = {"a\\000b.test", "dotted\\.label.test"}};
  EXPECT_EQ(given.verdict("a\\000b.test"), kAllow);
  EXPECT_EQ(given.verdict("a.test"), kDeny);
  EXPECT_EQ(given.verdict("a\\000c.test"), kDeny);
  EXPECT_EQ(given.verdict("a\\000b\\000.test"), kDeny);
  EXPECT_EQ(given.verdict("dotted\\.label.test"), kAllow);
  EXPECT_EQ(given.verdict("dotted.label.test"), kDeny);
  // A label whose bytes look like the wire form of the allowed name.
  EXPECT_EQ(Given{.allow = {"b.test"}}.verdict("x\\001b\\004test"), kDeny);
}

TEST(Matcher, IgnoresAsciiCaseAndNoOther) {
  const Given given{.allow = {"ExAmPlE.Com", "\\196.test", "\\[.test"}};
  EXPECT_EQ(given.verdict("eXaMpLe.cOM"), kAllow);
  EXPECT_EQ(given.verdict("\\196.test"), kAllow);
  EXPECT_EQ(given.verdict("\\228.test"), kDeny);
  EXPECT_EQ(given.verdict("{.test"), kDeny);
}

TEST(Matcher, TheLongestMatchWins) {
  const Given given{.allow = {"example.com", "ok.ads.example.com", "=x.bad.test"},
                    .deny = {"ads.example.com", "=one.example.com", "bad.test"}};
  EXPECT_EQ(given.verdict("www.example.com"), kAllow);
  EXPECT_EQ(given.verdict("a.b.ads.example.com"), kDeny);
  EXPECT_EQ(given.verdict("ads.example.com"), kAncestor);
  EXPECT_EQ(given.verdict("ok.ads.example.com"), kAllow);
  EXPECT_EQ(given.verdict("a.ok.ads.example.com"), kAllow);
  EXPECT_EQ(given.verdict("bad.test"), kAncestor);
  EXPECT_EQ(given.verdict("x.bad.test"), kAllow);
  EXPECT_EQ(given.verdict("y.x.bad.test"), kDeny);
}

TEST(Matcher, ADenialDoesNotCutOffAllowedNamesBelowIt) {
  const Given given{.allow = {"example.com"}, .deny = {"=one.example.com"}};
  EXPECT_EQ(given.verdict("one.example.com"), kAncestor);
  EXPECT_EQ(given.verdict("a.one.example.com"), kAllow);
  const Given below{.allow = {"example.com"}, .deny = {"*.example.com"}};
  EXPECT_EQ(below.verdict("example.com"), kAllow);
  EXPECT_EQ(below.verdict("a.example.com"), kDeny);
}

TEST(Matcher, AtTheSameNameDenyBeatsAllow) {
  const Given same{.allow = {"x.test"}, .deny = {"x.test"}};
  EXPECT_EQ(same.verdict("x.test"), kDeny);
  EXPECT_EQ(same.verdict("a.x.test"), kDeny);
  EXPECT_EQ(same.verdict("test"), kDeny) << "nothing below is allowed";
  const Given exact{.allow = {"=x.test"}, .deny = {"x.test"}};
  EXPECT_EQ(exact.verdict("x.test"), kDeny);
  const Given self_only{.allow = {"x.test"}, .deny = {"=x.test"}};
  EXPECT_EQ(self_only.verdict("x.test"), kAncestor);
  EXPECT_EQ(self_only.verdict("a.x.test"), kAllow);
}

TEST(Matcher, TheRootIsNoDataUnlessAllowed) {
  EXPECT_EQ((Given{.deny = {"."}}.verdict(".")), kAncestor);
  EXPECT_EQ((Given{.deny = {"."}}.verdict("a.test")), kDeny);
  const Given all{.allow = {". force"}, .deny = {"onion"}};
  EXPECT_EQ(all.verdict("."), kAllow);
  EXPECT_EQ(all.verdict("anything.at.all"), kAllow);
  EXPECT_EQ(all.verdict("a.onion"), kDeny);
  const Given below{.allow = {"*"}};
  EXPECT_EQ(below.verdict("."), kAncestor);
  EXPECT_EQ(below.verdict("com"), kAllow);
}

TEST(Matcher, LocalNames) {
  const Given given{
      .allow = {"db.test", "*.wild.test", "deep.wide.test"},
      .deny = {"=no.test", "sub.wide.test"},
      .local = {"db.test", "a.b.db.test", "no.test", "lone.example", "*.wild.test", "*.wide.test"}};
  EXPECT_EQ(given.verdict("db.test"), kLocal) << "local beats allow at the same name";
  EXPECT_EQ(given.verdict("b.db.test"), kAllow) << "allowed names stay allowed above local ones";
  EXPECT_EQ(given.verdict("a.b.db.test"), kLocal);
  EXPECT_EQ(given.verdict("x.a.b.db.test"), kAllow);
  EXPECT_EQ(given.verdict("no.test"), kDeny) << "deny beats local at the same name";
  EXPECT_EQ(given.verdict("lone.example"), kLocal);
  EXPECT_EQ(given.verdict("x.lone.example"), kDeny);
  EXPECT_EQ(given.verdict("example"), kAncestor);
  EXPECT_EQ(given.verdict("x.wild.test"), kLocal) << "a wildcard beats allow at the same name";
  EXPECT_EQ(given.verdict("wild.test"), kAncestor);
  EXPECT_EQ(given.verdict("x.y.wide.test"), kLocal);
  EXPECT_EQ(given.verdict("deep.wide.test"), kAllow) << "the longer match wins";
  EXPECT_EQ(given.verdict("sub.wide.test"), kDeny);
  EXPECT_FALSE(given.match("lone.example").by_rule());
}

TEST(Matcher, RoutesChooseTheDeepestAndAllowNothing) {
  const Given given{.allow = {"corp.example", "other.test"},
                    .routes = {"corp.example", "eu.corp.example", "lonely.test"}};
  EXPECT_EQ(given.match("corp.example").route, 0);
  EXPECT_EQ(given.match("a.b.corp.example").route, 0);
  EXPECT_EQ(given.match("x.eu.corp.example").route, 1);
  EXPECT_EQ(given.match("other.test").route, Match::kNoRoute);
  EXPECT_EQ(given.match("example").route, Match::kNoRoute);
  EXPECT_EQ(given.verdict("lonely.test"), kDeny);
  EXPECT_EQ((Given{.routes = {"a.b.c"}}.verdict("b.c")), kDeny);
  EXPECT_EQ((Given{.allow = {"a.b"}, .routes = {"."}}.match("x.a.b").route), 0);
}

TEST(Matcher, TellsTheRuleThatDecidedAndWhereItStands) {
  const Given given{.allow = {"example.com", "=example.com"}, .deny = {"*.ads.example.com"}};
  const Matcher matcher = given.compiled();
  const auto match = [&](const char* text) {
    const wire::DomainName name = name_of(text);
    return matcher.match(wire::SuffixHashes(name, kKey));
  };
  EXPECT_EQ(matcher.rule(match("example.com")).at.file, "example.com")
      << "of two equal rules the first";
  EXPECT_EQ(matcher.rule(match("www.example.com")).at.file, "example.com");
  EXPECT_FALSE(match("elsewhere.test").by_rule());
  const Rule rule = matcher.rule(match("x.ads.example.com"));
  EXPECT_EQ(rule.name, name_of("ads.example.com"));
  EXPECT_EQ(rule.scope, Scope::kBelow);
  EXPECT_EQ(rule.action, Action::kDeny);
  EXPECT_EQ(rule.at.file, "*.ads.example.com");
  EXPECT_EQ(matcher.rules().size(), 3U);
  EXPECT_EQ(matcher.rules().standing().size(), 2U) << "the second is in the first";
  // A denied ancestor still tells the rule that denied it.
  const Given ancestor{.allow = {"ok.bad.test"}, .deny = {"bad.test"}};
  const Matcher denied = ancestor.compiled();
  const wire::DomainName bad = name_of("bad.test");
  const Match above = denied.match(wire::SuffixHashes(bad, kKey));
  EXPECT_EQ(above.verdict, kAncestor);
  EXPECT_EQ(denied.rule(above).at.file, "bad.test");
}

TEST(Matcher, NamesWithOneHashAreNotConfused) {
  const Given given{.allow = {"ab.test", "cd.ok"}, .local = {"ef.test"}, .key = kWeakKey};
  ASSERT_EQ(wire::hash_of(name_of("ab.test"), kWeakKey),
            wire::hash_of(name_of("ba.test"), kWeakKey));
  EXPECT_EQ(given.verdict("ab.test"), kAllow);
  EXPECT_EQ(given.verdict("ba.test"), kDeny);
  EXPECT_EQ(given.verdict("x.ab.test"), kAllow);
  EXPECT_EQ(given.verdict("x.ba.test"), kDeny);
  EXPECT_EQ(given.verdict("fe.test"), kDeny);
  EXPECT_EQ(given.verdict("cd.ko"), kDeny);
  EXPECT_EQ(given.verdict("ko"), kDeny);
  EXPECT_EQ(given.verdict("ok"), kAncestor);
}

TEST(Matcher, TheLongestNamesFit) {
  std::string deepest = "a";
  for (std::size_t labels = 1; labels < wire::kMostLabels; ++labels) deepest += ".a";
  const std::string allowed = deepest.substr(2);
  const Given given{.allow = {allowed.c_str()}};
  EXPECT_EQ(given.verdict(allowed), kAllow);
  EXPECT_EQ(given.verdict(deepest), kAllow);
  EXPECT_EQ(given.verdict(deepest.substr(4)), kAncestor);
}

TEST(Matcher, ManyRulesStayCompactAndFindable) {
  constexpr std::uint32_t kRules = 50'000;
  RuleSet rules(kKey);
  Rule rule{.scope = Scope::kSubtree, .action = Action::kAllow, .at = {.file = "many.list"}};
  for (std::uint32_t i = 0; i < kRules; ++i) {
    rule.name = name_of("host" + std::to_string(i) + ".com");
    rule.at.line = i + 1;
    rules.add(rule);
  }
  const Matcher matcher(std::move(rules), {}, {});
  EXPECT_LT(matcher.bytes(), kRules * 32U);
  for (std::uint32_t i = 0; i < kRules; i += 97) {
    const wire::DomainName name = name_of("www.host" + std::to_string(i) + ".com");
    const Match match = matcher.match(wire::SuffixHashes(name, kKey));
    ASSERT_EQ(match.verdict, kAllow);
    const Rule matched = matcher.rule(match);
    ASSERT_EQ(matched.at, (Location{"many.list", i + 1, 0}));
    ASSERT_EQ(matched.name, name.parent());
  }
}

}  // namespace
}  // namespace nxgate::policy
