// The matcher against the semantics written down as plainly as possible, without table or tree.
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "policy/matcher.h"
#include "policy/rule.h"
#include "policy/rule_set.h"
#include "policy/suffix_table.h"
#include "wire/name.h"

namespace nxgate::policy {
namespace {

/// With this key all hashes are alike.
constexpr std::uint64_t kWeakKey = 0;
/// A label that no rule mentions.
constexpr std::array<std::uint8_t, 2> kUnmentioned{'z', 'z'};

wire::DomainName name_of(std::string_view text) {
  return wire::DomainName::from_text(text).value();
}

struct Spoken {
  wire::DomainName name;
  Scope scope;
  Stance stance;
  std::uint32_t line;  ///< 0 for local data
};

struct Expected {
  Verdict verdict = Verdict::kDeny;
  std::uint32_t line = 0;
  std::uint16_t route = Match::kNoRoute;

  bool operator==(const Expected&) const = default;
};

bool covers(const Spoken& spoken, const wire::DomainName& name) {
  if (!name.is_at_or_below(spoken.name)) return false;
  switch (spoken.scope) {
    case Scope::kExact:
      return name == spoken.name;
    case Scope::kBelow:
      return name != spoken.name;
    case Scope::kSubtree:
      return true;
  }
  return false;
}

const Spoken* decisive(const std::vector<Spoken>& all, const wire::DomainName& name) {
  const Spoken* best = nullptr;
  for (const Spoken& one : all) {
    if (!covers(one, name)) continue;
    const std::size_t length = one.name.label_count();
    const std::size_t standing = best == nullptr ? 0 : best->name.label_count();
    if (best == nullptr || length > standing || (length == standing && one.stance > best->stance)) {
      best = &one;
    }
  }
  return best;
}

bool answers(const Spoken* spoken) { return spoken != nullptr && spoken->stance != Stance::kDeny; }

Expected expected(const std::vector<Spoken>& all, const std::vector<Route>& routes,
                  const wire::DomainName& name) {
  Expected match;
  const Spoken* const own = decisive(all, name);
  if (own != nullptr) match.line = own->line;
  if (answers(own)) {
    match.verdict = own->stance == Stance::kLocal ? Verdict::kLocal : Verdict::kAllow;
  } else {
    // Some name below answers if one that rules mention does, or one directly below any of these.
    std::vector<wire::DomainName> below{name.with_label(kUnmentioned).value()};
    for (const Spoken& one : all) {
      if (!one.name.is_at_or_below(name)) continue;
      if (one.name != name) below.push_back(one.name);
      below.push_back(one.name.with_label(kUnmentioned).value());
    }
    bool any = name.is_root();
    for (const auto& candidate : below) any = any || answers(decisive(all, candidate));
    match.verdict = any ? Verdict::kAncestor : Verdict::kDeny;
  }
  std::size_t longest = 0;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const std::size_t length = routes[i].name.label_count() + 1;
    if (name.is_at_or_below(routes[i].name) && length > longest) {
      longest = length;
      match.route = static_cast<std::uint16_t>(i);
    }
  }
  return match;
}

/// Few labels and few letters, so that names meet often.
wire::DomainName random_name(std::mt19937& random) {
  static constexpr auto kLabels = std::to_array<std::string_view>({"a", "b", "ab", "ba", "a\\.b"});
  std::string text;
  const std::size_t labels = random() % 5;
  for (std::size_t i = 0; i < labels; ++i) {
    text += kLabels[random() % kLabels.size()];
    text += '.';
  }
  return name_of(text.empty() ? "." : text);
}

TEST(Matcher, AgreesWithThePlainReading) {
  std::mt19937 random(20260722);
  for (int round = 0; round < 4000; ++round) {
    const std::uint64_t key =
        round % 4 == 0 ? kWeakKey : (std::uint64_t{random()} << 32 | random() | 1);
    RuleSet rules(key);
    std::vector<Spoken> all;
    std::vector<Matcher::LocalName> local;
    std::vector<Route> routes;
    for (std::size_t i = random() % 8; i > 0; --i) {
      const auto line = static_cast<std::uint32_t>(rules.size() + 1);
      const Rule rule{.name = random_name(random),
                      .scope = static_cast<Scope>(random() % 3),
                      .action = random() % 2 == 0 ? Action::kAllow : Action::kDeny,
                      .at = {.line = line}};
      rules.add(rule);
      all.push_back({rule.name, rule.scope,
                     rule.action == Action::kAllow ? Stance::kAllow : Stance::kDeny, line});
    }
    for (std::size_t i = random() % 4; i > 0; --i) {
      local.push_back({random_name(random), random() % 2 == 0});
      all.push_back({local.back().name, local.back().wildcard ? Scope::kBelow : Scope::kExact,
                     Stance::kLocal, 0});
    }
    for (std::size_t i = random() % 3; i > 0; --i) routes.push_back({random_name(random), 0});
    const Matcher matcher(std::move(rules), local, routes);
    for (int query = 0; query < 30; ++query) {
      const wire::DomainName name = random_name(random);
      const Match match = matcher.match(wire::SuffixHashes(name, key));
      const std::uint32_t line = match.by_rule() ? matcher.rule(match).at.line : 0;
      ASSERT_EQ((Expected{match.verdict, line, match.route}), expected(all, routes, name))
          << name.to_text() << " in round " << round;
    }
  }
}

}  // namespace
}  // namespace nxgate::policy
