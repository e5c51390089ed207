#include "policy/matcher.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "policy/rule.h"
#include "policy/rule_set.h"
#include "policy/suffix_table.h"
#include "policy/suffix_table_builder.h"
#include "wire/name.h"

namespace nxgate::policy {
namespace {

Verdict verdict_of(Stance stance) noexcept {
  switch (stance) {
    case Stance::kAllow:
      return Verdict::kAllow;
    case Stance::kLocal:
      return Verdict::kLocal;
    case Stance::kDeny:
    case Stance::kNone:
      break;
  }
  return Verdict::kDeny;
}

void add_rule(SuffixTableBuilder& builder, std::uint32_t node, Scope scope, Ruling ruling) {
  switch (scope) {
    case Scope::kExact:
      builder.rule_self(node, ruling);
      return;
    case Scope::kBelow:
      builder.rule_below(node, ruling);
      return;
    case Scope::kSubtree:
      builder.rule_self(node, ruling);
      builder.rule_below(node, ruling);
      return;
  }
}

}  // namespace

Matcher::Matcher(RuleSet rules, std::span<const LocalName> local, std::span<const Route> routes,
                 std::uint64_t hash_key)
    : rules_(std::move(rules)), table_(compile(rules_, local, routes, hash_key)) {}

SuffixTable Matcher::compile(RuleSet& rules, std::span<const LocalName> local,
                             std::span<const Route> routes, std::uint64_t hash_key) {
  SuffixTableBuilder builder(hash_key, rules.size() + local.size() + routes.size());
  std::vector<std::uint32_t> nodes;
  nodes.reserve(rules.size());
  for (std::uint32_t i = 0; i < rules.size(); ++i) {
    const RuleSet::Entry& entry = rules.entries_[i];
    const bool allow = static_cast<Action>(entry.action) == Action::kAllow;
    nodes.push_back(builder.node(rules.name_of(entry)));
    add_rule(builder, nodes.back(), static_cast<Scope>(entry.scope),
             {.stance = allow ? Stance::kAllow : Stance::kDeny, .rule = i});
  }
  for (const LocalName& owner : local) {
    add_rule(builder, builder.node(owner.name.wire()),
             owner.wildcard ? Scope::kBelow : Scope::kExact, {.stance = Stance::kLocal});
  }
  for (std::size_t i = 0; i < routes.size(); ++i) {
    builder.route(builder.node(routes[i].name.wire()), static_cast<std::uint16_t>(i));
  }
  SuffixTable table = builder.build();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    rules.entries_[i].name_at = builder.offset_of(nodes[i]);
  }
  rules.names_ = std::vector<std::uint8_t>();
  rules.entries_.shrink_to_fit();
  return table;
}

Match Matcher::match(const wire::SuffixHashes& hashes) const noexcept {
  SuffixNode node = table_.root();
  Ruling covering;  // by the closest name above that rules its names below
  std::uint16_t route = node.route;
  for (std::size_t depth = 1; depth <= hashes.depth(); ++depth) {
    if (node.below.stance != Stance::kNone) covering = node.below;
    const auto found = table_.find(hashes, depth);
    if (!found) return {verdict_of(covering.stance), covering.rule, route};
    node = *found;
    if (node.route != SuffixNode::kNoRoute) route = node.route;
  }
  const Ruling own = node.self.stance != Stance::kNone ? node.self : covering;
  if (own.answers()) return {verdict_of(own.stance), own.rule, route};
  const Ruling beneath = node.below.stance != Stance::kNone ? node.below : covering;
  const bool answers_below = node.ancestor || beneath.answers();
  return {answers_below ? Verdict::kAncestor : Verdict::kDeny, own.rule, route};
}

Rule Matcher::rule(std::uint32_t index) const {
  const RuleSet::Entry& entry = rules_.entries_[index];
  return rules_.rule_of(entry, table_.name_at(entry.name_at));
}

Bytes Matcher::rule_name(std::uint32_t index) const noexcept {
  return table_.name_at(rules_.entries_[index].name_at);
}

std::size_t Matcher::bytes() const noexcept {
  return table_.bytes() + rules_.entries_.capacity() * sizeof(RuleSet::Entry);
}

}  // namespace nxgate::policy
