#include "policy/matcher.h"

#include <cstddef>
#include <cstdint>
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

/// From the last node to the first, so that each passes it on to the one above.
void Matcher::mark_ancestors() {
  SuffixTable& table = rules_.table_;
  const auto mark = [&table](std::uint32_t node) {
    SuffixNode content = table.at(node);
    if (content.ancestor) return;
    content.ancestor = true;
    table.put(node, content);
  };
  mark(SuffixTable::kRoot);  // NODATA whatever the rules
  for (auto node = static_cast<std::uint32_t>(table.size() - 1); node > SuffixTable::kRoot;
       --node) {
    const SuffixNode content = table.at(node);
    if (content.ancestor || content.self.answers() || content.below.answers()) {
      mark(table.parent(node));
    }
  }
}

Match Matcher::match(const wire::SuffixHashes& hashes) const noexcept {
  const SuffixTable& table = rules_.table_;
  std::uint32_t at = SuffixTable::kRoot;
  SuffixNode node = table.at(at);
  Ruling covering;  // by the closest name above that rules its names below
  std::uint16_t route = node.route;
  for (std::size_t depth = 1; depth <= hashes.depth(); ++depth) {
    if (node.below.stance != Stance::kNone) covering = node.below;
    const auto child = table.child(at, hashes, depth);
    if (!child) return {verdict_of(covering.stance), covering.rule, route};
    at = *child;
    node = table.at(at);
    if (node.route != SuffixNode::kNoRoute) route = node.route;
  }
  const Ruling own = node.self.stance != Stance::kNone ? node.self : covering;
  if (own.answers()) return {verdict_of(own.stance), own.rule, route};
  const Ruling beneath = node.below.stance != Stance::kNone ? node.below : covering;
  const bool answers_below = node.ancestor || beneath.answers();
  return {answers_below ? Verdict::kAncestor : Verdict::kDeny, own.rule, route};
}

}  // namespace nxgate::policy
