#include "policy/matcher.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "policy/rule.h"
#include "policy/rule_set.h"
#include "policy/suffix_table.h"
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

}  // namespace

Matcher::Matcher(RuleSet rules, std::span<const LocalName> local, std::span<const Route> routes)
    : rules_(std::move(rules)) {
  for (const LocalName& owner : local) add_local(owner);
  for (std::size_t i = 0; i < routes.size(); ++i) {
    add_route(routes[i], static_cast<std::uint16_t>(i));
  }
  mark_ancestors();
}

void Matcher::add_local(const LocalName& owner) {
  rules_.rule(rules_.table_.insert(owner.name.wire()),
              owner.wildcard ? Scope::kBelow : Scope::kExact, {.stance = Stance::kLocal});
}

/// The first route of a name stands.
void Matcher::add_route(const Route& route, std::uint16_t index) {
  const std::uint32_t node = rules_.table_.insert(route.name.wire());
  SuffixNode content = rules_.table_.at(node);
  if (content.route == SuffixNode::kNoRoute) content.route = index;
  rules_.table_.put(node, content);
}

Rule Matcher::rule(const Match& match) const {
  const Ports* const ports = ports_of(match);
  return {.name = rule_name(match),
          .scope = rule_scope(match),
          .action = match.verdict == Verdict::kAllow ? Action::kAllow : Action::kDeny,
          .at = rules_.location_of(match.rule),
          .ports = ports == nullptr ? Ports() : *ports};
}

void Matcher::mark_ancestors() {
  SuffixTable& table = rules_.table_;
  const auto mark = [&table](std::uint32_t node) {
    SuffixNode content = table.at(node);
    if (content.ancestor) return false;
    content.ancestor = true;
    table.put(node, content);
    return true;
  };
  mark(SuffixTable::kRoot);  // NODATA whatever the rules
  for (std::uint32_t node = SuffixTable::kRoot; node != table.end(); node = table.next(node)) {
    const SuffixNode content = table.at(node);
    if (!content.self.answers() && !content.below.answers()) continue;
    for (std::uint32_t above = table.parent(node); mark(above);) above = table.parent(above);
  }
}

std::shared_ptr<const Matcher> Matcher::with_rules(std::span<const Rule> rules,
                                                   std::span<const LocalName> local,
                                                   std::span<const Route> routes) const {
  RuleSet copy = rules_;
  SuffixTable& table = copy.table_;
  for (std::uint32_t node = SuffixTable::kRoot; node != table.end(); node = table.next(node)) {
    SuffixNode content = table.at(node);
    content.ancestor = false;  // of what may be denied now
    table.put(node, content);
  }
  for (const Rule& rule : rules) copy.replace(rule);
  return std::make_shared<const Matcher>(std::move(copy), local, routes);
}

Match Matcher::match(const wire::SuffixHashes& hashes) const noexcept {
  const SuffixTable& table = rules_.table_;
  table.prefetch(hashes);
  std::uint32_t at = SuffixTable::kRoot;
  SuffixNode node = table.at(at);
  Ruling covering;  // by the closest name above that rules its names below
  std::uint32_t covering_at = at;
  std::uint16_t route = node.route;
  for (std::size_t depth = 1; depth <= hashes.depth(); ++depth) {
    if (node.below.stance != Stance::kNone) {
      covering = node.below;
      covering_at = at;
    }
    const auto child = table.child(at, hashes, depth);
    if (!child) return {verdict_of(covering.stance), route, {covering_at, covering.rule}};
    at = *child;
    node = table.at(at);
    if (node.route != SuffixNode::kNoRoute) route = node.route;
  }
  const bool ruled = node.self.stance != Stance::kNone;
  const Ruling own = ruled ? node.self : covering;
  const StandingRule rule{ruled ? at : covering_at, own.rule};
  if (own.answers()) return {verdict_of(own.stance), route, rule};
  const Ruling beneath = node.below.stance != Stance::kNone ? node.below : covering;
  const bool answers_below = node.ancestor || beneath.answers();
  return {answers_below ? Verdict::kAncestor : Verdict::kDeny, route, rule};
}

}  // namespace nxgate::policy
