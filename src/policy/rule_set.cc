#include "policy/rule_set.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "policy/list.h"
#include "policy/rule.h"
#include "wire/name.h"

namespace nxgate::policy {
namespace {

void strengthen(Ruling& standing, Ruling added) {
  if (added.stance > standing.stance) standing = added;
}

}  // namespace

void RuleSet::reserve(std::size_t rules, std::size_t bytes) { table_.reserve(rules, bytes); }

void RuleSet::add(const Rule& rule) {
  const std::uint32_t number = insert(rule.name.wire(), rule.scope, rule.action, rule.at);
  if (!rule.ports.empty()) ports_[number] = rule.ports;
}

void RuleSet::add(const ParsedList& list) {
  constexpr std::size_t kAhead = 16;  // names, by whose turn the table's memory is there
  Location at{.file = list.file};
  auto ports = list.ports.begin();
  for (std::size_t i = 0; i < list.entries.size(); ++i) {
    if (i + kAhead < list.entries.size()) table_.prefetch(list.name(i + kAhead));
    const ParsedList::Entry& entry = list.entries[i];
    at.line = entry.line;
    at.column = entry.column;
    const std::uint32_t number = insert(list.name(i), entry.scope, list.action, at);
    if (ports != list.ports.end() && ports->first == i) ports_[number] = (ports++)->second;
  }
}

std::uint32_t RuleSet::insert(Bytes name, Scope scope, Action action, const Location& at) {
  const std::uint32_t node = table_.insert(name);
  const Ruling ruling = new_ruling(scope, action, at);
  rule(node, scope, ruling);
  return ruling.rule;
}

void RuleSet::replace(const Rule& rule) {
  const std::uint32_t node = table_.insert(rule.name.wire());
  const Ruling ruling = new_ruling(rule.scope, rule.action, rule.at);
  SuffixNode content = table_.at(node);
  if (rule.scope != Scope::kBelow) content.self = ruling;
  if (rule.scope != Scope::kExact) content.below = ruling;
  table_.put(node, content);
  if (!rule.ports.empty()) ports_[ruling.rule] = rule.ports;
}

Ruling RuleSet::new_ruling(Scope scope, Action action, const Location& at) {
  const bool allows = action == Action::kAllow;
  allows_any_ |= allows;
  denies_any_ |= !allows;
  ++count_;
  return {.stance = allows ? Stance::kAllow : Stance::kDeny,
          .rule = places_.add(at) << 2 | static_cast<std::uint32_t>(scope)};
}

/// The stronger stance stands; of two equal ones the first.
void RuleSet::rule(std::uint32_t node, Scope scope, Ruling ruling) {
  SuffixNode content = table_.at(node);
  const bool noted = scope != Scope::kBelow && contradict(node, content.self, ruling);
  if (!noted && scope != Scope::kExact) (void)contradict(node, content.below, ruling);
  if (scope != Scope::kBelow) strengthen(content.self, ruling);
  if (scope != Scope::kExact) strengthen(content.below, ruling);
  table_.put(node, content);
}

/// Notes it, once a name, if two rules about the same names say different things; whether they do.
bool RuleSet::contradict(std::uint32_t node, Ruling one, Ruling other) {
  if (!one.has_rule() || !other.has_rule() || one.stance == other.stance) return false;
  if (contradictions_.size() == kMostContradictions) return true;
  if (one.stance == Stance::kDeny) std::swap(one, other);
  contradictions_.push_back({{node, one.rule}, {node, other.rule}});
  return true;
}

const Ports* RuleSet::ports_of(StandingRule rule) const noexcept {
  const auto found = ports_.find(rule.number);
  return found == ports_.end() ? nullptr : &found->second;
}

std::vector<Rule> RuleSet::standing() const {
  struct Found {
    StandingRule rule;
    Stance stance;
  };
  std::vector<Found> found;
  for (std::uint32_t node = SuffixTable::kRoot; node != table_.end(); node = table_.next(node)) {
    const SuffixNode content = table_.at(node);
    if (content.self.has_rule()) found.push_back({{node, content.self.rule}, content.self.stance});
    if (content.below.has_rule() && content.below.rule != content.self.rule) {
      found.push_back({{node, content.below.rule}, content.below.stance});
    }
  }
  std::ranges::sort(found, {}, [](const Found& one) { return one.rule.number; });
  std::vector<Rule> rules;
  rules.reserve(found.size());
  for (const auto& [rule, stance] : found) {
    const Ports* const ports = ports_of(rule);
    rules.push_back({.name = name_of(rule),
                     .scope = scope_of(rule),
                     .action = stance == Stance::kAllow ? Action::kAllow : Action::kDeny,
                     .at = location_of(rule),
                     .ports = ports == nullptr ? Ports() : *ports});
  }
  return rules;
}

bool RuleSet::mentions(const wire::DomainName& name) const noexcept {
  const wire::SuffixHashes hashes(name, table_.hash_key());
  std::uint32_t node = SuffixTable::kRoot;
  for (std::size_t depth = 1; depth <= hashes.depth(); ++depth) {
    const auto child = table_.child(node, hashes, depth);
    if (!child) return false;
    node = *child;
  }
  const SuffixNode content = table_.at(node);
  return content.self.has_rule() || content.below.has_rule();
}

}  // namespace nxgate::policy
