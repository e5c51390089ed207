#include "store/attached_policy.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "config/value.h"
#include "containers/names.h"
#include "engine/client_identity.h"
#include "engine/snapshot.h"
#include "policy/exfiltration.h"
#include "policy/local_data.h"
#include "policy/matcher.h"
#include "policy/policy.h"
#include "policy/presets.h"
#include "policy/rule.h"
#include "policy/rule_set.h"
#include "policy/special_names.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::store {
namespace {

/// Containers come and go, and so do their addresses.
constexpr std::uint32_t kNeighbourTtl = 5;

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::shared_ptr<const policy::Exfiltration> stricter(
    const std::shared_ptr<const policy::Exfiltration>& one,
    const std::shared_ptr<const policy::Exfiltration>& other) {
  if (!one || !other) return one ? one : other;
  return std::make_shared<const policy::Exfiltration>(policy::stricter(*one, *other));
}

/// Restricts `policy` to what `other` allows as well; its records, routes and kind of denial stay.
void hold_to(policy::Policy& policy, const policy::Policy& other) {
  if (!can_hold_both(policy, other)) policy.others.push_back(narrowing_of("", ""));
  policy.others.push_back(other.matcher);
  policy.others.insert(policy.others.end(), other.others.begin(), other.others.end());
  policy.suppressed_types.insert(policy.suppressed_types.end(), other.suppressed_types.begin(),
                                 other.suppressed_types.end());
  policy.service_targets = policy.service_targets && other.service_targets;
  policy.exfiltration = stricter(policy.exfiltration, other.exfiltration);
  if (policy.egress || !other.egress) return;
  policy.egress = other.egress;
  policy.egress_rules = other.matcher;
}

/// The error says which label is wrong, and why.
Result<void> add_item(policy::RuleSet& rules, std::string_view item) {
  if (item.starts_with(kPresetItem)) {
    const auto preset = config::parse_preset(item.substr(kPresetItem.size()));
    if (!preset) return fail("nxgate.presets: " + preset.error().message);
    rules.add(policy::rules_of(**preset));
    return {};
  }
  // The configuration's own rules decide what can be allowed, including public suffixes.
  const auto rule = policy::parse_rule(item);
  if (!rule) return fail("nxgate.allow: " + rule.error().message);
  rules.add({rule->name, rule->scope, policy::Action::kAllow, {"nxgate.allow", 0, 0}, rule->ports});
  return {};
}

}  // namespace

std::shared_ptr<const policy::Policy> policy_for(const AttachedPolicy& attached,
                                                 const engine::Snapshot& bare) {
  const policy::Policy* const base = bare.policies.find(attached.base);
  if (base == nullptr) return nullptr;
  auto policy = std::make_shared<policy::Policy>(*base);
  policy->container = attached.label;
  policy->budget_key = attached.budget_key;
  if (policy->cache_by_address) {
    policy->cache_part = engine::cache_part_named(attached.budget_key);
    policy->cache_by_address = false;
  }
  policy->grants = attached.grants;
  policy->narrowing = attached.narrowing;
  std::set<std::string_view> held{attached.base};
  for (const AttachedPolicy::Other& other : attached.others) {
    const policy::Policy* const theirs = bare.policies.find(other.base);
    if (theirs == nullptr) return nullptr;
    if (held.insert(other.base).second) hold_to(*policy, *theirs);
    if (other.narrowing) policy->others.push_back(other.narrowing);
  }
  policy->neighbours = attached.neighbours;
  policy->sets = attached.sets;
  return policy;
}

bool can_hold_both(const policy::Policy& one, const policy::Policy& other) {
  return one.name == other.name || !one.egress || !other.egress;
}

Enforced AttachedPolicies::over(const Enforced& below) const {
  if (all_.empty()) return below;
  policy::PolicySet::Attached policies;
  for (const AttachedPolicy& attached : all_) {
    if (auto policy = policy_for(attached, *below)) {
      policies.emplace(attached.key, std::move(policy));
    }
  }
  engine::Snapshot snapshot{.generation = below->generation,
                            .policies = below->policies.with(std::move(policies)),
                            .groups = below->groups,
                            .options = below->options};
  return std::make_shared<const engine::Snapshot>(std::move(snapshot));
}

std::shared_ptr<const policy::Matcher> narrowing_of(std::string_view rules,
                                                    std::string_view container) {
  constexpr std::size_t kMostWarnings = 10;
  policy::RuleSet set;
  std::size_t wrong = 0;
  while (!rules.empty()) {
    const auto comma = rules.find(',');
    const std::string_view text = trimmed(rules.substr(0, comma));
    rules = comma == std::string_view::npos ? "" : rules.substr(comma + 1);
    if (text.empty()) continue;
    const auto added = add_item(set, text);
    if (!added && ++wrong <= kMostWarnings) {
      log::warning("{}: label {}", container, added.error().message);
    }
  }
  if (wrong > kMostWarnings) {
    log::warning("{}: labels: {} more invalid rules", container, wrong - kMostWarnings);
  }
  policy::LocalData local(wire::process_hash_key());
  policy::add_special_names(set, local);
  return std::make_shared<const policy::Matcher>(std::move(set), local.names(),
                                                 std::span<const policy::Route>{});
}

std::shared_ptr<const policy::Neighbours> neighbours_of(
    const std::vector<containers::NamedAddresses>& names,
    const std::vector<containers::AddressName>& reverse_names) {
  policy::LocalData data(wire::process_hash_key());
  for (const containers::NamedAddresses& named : names) {
    const auto owner = wire::DomainName::from_text(named.name);
    if (!owner) continue;
    for (const IpAddress& address : named.addresses) {
      const Bytes bytes = address.bytes();
      data.add(*owner, false,
               {.type = address.is_v4() ? wire::Type::kA : wire::Type::kAaaa,
                .ttl = kNeighbourTtl,
                .rdata = {bytes.begin(), bytes.end()}});
    }
  }
  for (const containers::AddressName& reverse : reverse_names) {
    const auto name = wire::DomainName::from_text(reverse.name);
    if (!name) continue;
    data.add(policy::reverse_name(reverse.address), false,
             {.type = wire::Type::kPtr,
              .ttl = kNeighbourTtl,
              .rdata = {name->wire().begin(), name->wire().end()}});
  }
  if (data.size() == 0) return nullptr;
  return std::make_shared<const policy::Neighbours>(std::move(data));
}

}  // namespace nxgate::store
