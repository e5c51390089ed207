#include "learn/diff_text.h"

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "base/address.h"
#include "learn/learn_fixture.h"
#include "learn/proposal.h"
#include "learn/record.h"
#include "policy/matcher.h"
#include "policy/rule.h"
#include "policy/rule_set.h"
#include "policy/special_names.h"
#include "wire/name.h"

namespace nxgate::learn {
namespace {

constexpr std::uint64_t kKey = 0x9e3779b97f4a7c15;
constexpr policy::Action kAllow = policy::Action::kAllow;
constexpr policy::Action kDeny = policy::Action::kDeny;

struct Given {
  const char* rule;
  policy::Action action = kAllow;
  const char* file = "allow.list";
};

/// The lines behind the heading. Names whose rule has no ports of its own have those of `rest`.
std::string diff(std::initializer_list<Given> current, const Record& observed,
                 const Ports& rest = {}) {
  policy::RuleSet set(kKey);
  std::uint32_t line = 0;
  for (const Given& given : current) {
    const auto rule = policy::parse_rule(given.rule).value();
    set.add({.name = rule.name,
             .scope = rule.scope,
             .action = given.action,
             .at = {.file = given.file, .line = ++line, .column = 1},
             .ports = rule.ports});
  }
  const policy::Matcher matcher(std::move(set), {}, {});
  const std::vector<policy::Rule> rules = matcher.rules().standing();
  const auto allowed = [&](const wire::DomainName& name) {
    return matcher.match(wire::SuffixHashes(name, kKey)).verdict == policy::Verdict::kAllow;
  };
  const auto opened = [&](const wire::DomainName& name) {
    const Ports* const own = matcher.ports_of(matcher.match(wire::SuffixHashes(name, kKey)));
    return own != nullptr ? *own : rest;
  };
  const std::string text =
      to_diff(propose(observed), {.allowed = allowed, .opened = opened, .rules = rules});
  return text.substr(text.find('\n') + 1);
}

std::string diff(std::initializer_list<Given> current, std::initializer_list<Asked> observed) {
  return diff(current, record_of(observed));
}

Record connected(std::string_view name, std::initializer_list<Port> ports) {
  Record record = record_of({{name}});
  for (const Port& port : ports) record.add_port(name_of(name), port);
  return record;
}

TEST(DiffText, AddsRemovesAndCounts) {
  EXPECT_EQ(diff({{"=deb.debian.org"}, {"=old.example.com"}}, {{"deb.debian.org"}, {"pypi.org"}}),
            "# 1 rule to add, 1 to remove, 1 unchanged\n"
            "+ =pypi.org  # 1 query, 2026-11-23, by 10.0.0.5\n"
            "- =old.example.com  # allow.list:2:1: no query matched it\n");
}

TEST(DiffText, IsEmptyOnceApplied) {
  EXPECT_EQ(diff({{"*.example.com"}},
                 {{"a.example.com"}, {"b.example.com"}, {"c.example.com"}, {"d.example.com"}}),
            "# 0 rules to add, 0 to remove, 1 unchanged\n");
}

TEST(DiffText, NeedsNoFoldIfItsNamesAreAllowed) {
  EXPECT_EQ(diff({{"=a.example.com"}, {"=b.example.com"}, {"=c.example.com"}, {"=d.example.com"}},
                 {{"a.example.com"}, {"b.example.com"}, {"c.example.com"}, {"d.example.com"}}),
            "# 0 rules to add, 0 to remove, 4 unchanged\n");
}

TEST(DiffText, TakesTheLongestMatchAsUsed) {
  EXPECT_EQ(diff({{"example.com"}, {"*.www.example.com"}}, {{"a.www.example.com"}}),
            "# 0 rules to add, 1 to remove, 1 unchanged\n"
            "- example.com  # allow.list:1:1: no query matched it\n");
  EXPECT_EQ(diff({{"example.com"}, {"*.www.example.com"}}, {{"www.example.com"}}),
            "# 0 rules to add, 1 to remove, 1 unchanged\n"
            "- *.www.example.com  # allow.list:2:1: no query matched it\n");
}

TEST(DiffText, KeepsWhatNoiseNeeds) {
  EXPECT_EQ(diff({{"pool.ntp.org"}, {"slow.example"}},
                 {{"0.pool.ntp.org"}, {"slow.example", Existence::kFailed}}),
            "# 0 rules to add, 0 to remove, 2 unchanged\n");
}

TEST(DiffText, TellsOfRulesForWhatNeverExisted) {
  EXPECT_EQ(diff({{"=gone.example.com"}}, {{"gone.example.com", Existence::kMissing}}),
            "# 0 rules to add, 1 to remove, 0 unchanged\n"
            "- =gone.example.com  # allow.list:1:1: the queried names never existed\n");
}

TEST(DiffText, TellsOfDenials) {
  EXPECT_EQ(diff({{"example.com"}, {"ads.example.com", kDeny, "deny.list"}},
                 {{"www.example.com"}, {"x.ads.example.com"}}),
            "# 1 rule to add, 0 to remove, 1 unchanged\n"
            "+ =x.ads.example.com  # 1 query, 2026-11-23, by 10.0.0.5\n"
            "#   currently denied by ads.example.com (deny.list:2:1)\n");
}

TEST(DiffText, LeavesDenialsAndBuiltInRulesAlone) {
  EXPECT_EQ(diff({{"localhost", kAllow, policy::kBuiltIn}, {"evil.example", kDeny}}, {}),
            "# 0 rules to add, 0 to remove, 0 unchanged\n");
}

constexpr Port kHttps{IPPROTO_TCP, 443};
constexpr Port kSsh{IPPROTO_TCP, 22};

TEST(DiffText, AddsPortsThatAreClosed) {
  EXPECT_EQ(diff({{"example.com"}}, connected("git.example.com", {kHttps, kSsh}), {kHttps}),
            "# 1 rule to add, 0 to remove, 1 unchanged\n"
            "+ =git.example.com:tcp/22,tcp/443  # 1 query, 2026-11-23, by 10.0.0.5\n"
            "#   tcp/22 is currently closed\n");
}

TEST(DiffText, NeedsNoRuleForOpenPorts) {
  EXPECT_EQ(diff({{"example.com"}}, connected("git.example.com", {kSsh})),
            "# 0 rules to add, 0 to remove, 1 unchanged\n")
      << "no firewall, or any port";
  EXPECT_EQ(diff({{"example.com"}}, connected("www.example.com", {kHttps}), {kHttps}),
            "# 0 rules to add, 0 to remove, 1 unchanged\n");
  EXPECT_EQ(diff({{"example.com:tcp/22"}}, connected("git.example.com", {kSsh}), {kHttps}),
            "# 0 rules to add, 0 to remove, 1 unchanged\n");
}

TEST(DiffText, ARuleWithTooFewPortsGivesWayIfItWouldStillStandBefore) {
  EXPECT_EQ(diff({{"=git.example.com:tcp/443"}}, connected("git.example.com", {kSsh})),
            "# 1 rule to add, 1 to remove, 0 unchanged\n"
            "+ =git.example.com:tcp/22  # 1 query, 2026-11-23, by 10.0.0.5\n"
            "#   tcp/22 is currently closed\n"
            "- =git.example.com:tcp/443  # allow.list:1:1: replaced by =git.example.com\n");
  EXPECT_EQ(diff({{"example.com:tcp/443"}}, connected("git.example.com", {kSsh})),
            "# 1 rule to add, 0 to remove, 1 unchanged\n"
            "+ =git.example.com:tcp/22  # 1 query, 2026-11-23, by 10.0.0.5\n"
            "#   tcp/22 is currently closed\n");
}

}  // namespace
}  // namespace nxgate::learn
