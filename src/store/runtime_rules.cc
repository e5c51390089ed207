#include "store/runtime_rules.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/snapshot.h"
#include "policy/policy.h"
#include "policy/rule.h"

namespace nxgate::store {
namespace {

bool same_names(const policy::Rule& one, const policy::Rule& other) {
  return one.name == other.name && one.scope == other.scope;
}

}  // namespace

void RuntimeRules::add(RuntimeRule rule) {
  remove(rule.policy, rule.rule);
  all_.push_back(std::move(rule));
  ++version_;
}

bool RuntimeRules::remove(const std::string& policy, const policy::Rule& rule) {
  const bool removed = std::erase_if(all_, [&](const RuntimeRule& each) {
                         return each.policy == policy && same_names(each.rule, rule);
                       }) != 0;
  if (removed) ++version_;
  return removed;
}

bool RuntimeRules::expire(RuntimeRule::Time now) {
  const bool ended = std::erase_if(all_, [now](const RuntimeRule& each) {
                       return each.until && *each.until <= now;
                     }) != 0;
  if (ended) ++version_;
  return ended;
}

std::optional<RuntimeRule::Time> RuntimeRules::next_end() const {
  std::optional<RuntimeRule::Time> next;
  for (const RuntimeRule& each : all_) {
    if (each.until && (!next || *each.until < *next)) next = each.until;
  }
  return next;
}

Enforced RuntimeRules::over(const Enforced& below) const {
  if (all_.empty()) return below;
  policy::PolicySet::Policies policies = below->policies.all();
  for (auto& policy : policies) {
    std::vector<policy::Rule> rules;
    for (const RuntimeRule& each : all_) {
      if (each.policy == policy->name) rules.push_back(each.rule);
    }
    if (rules.empty()) continue;
    auto with_rules = std::make_shared<policy::Policy>(*policy);
    with_rules->matcher =
        policy->matcher->with_rules(rules, policy->local->names(), policy->routes);
    policy = std::move(with_rules);
  }
  engine::Snapshot snapshot{.generation = below->generation,
                            .policies = below->policies.replaced(std::move(policies)),
                            .groups = below->groups,
                            .options = below->options};
  return std::make_shared<const engine::Snapshot>(std::move(snapshot));
}

}  // namespace nxgate::store
