#include "store/snapshot_builder.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/special_addresses.h"
#include "cache/cache.h"
#include "config/settings.h"
#include "engine/client_identity.h"
#include "engine/snapshot.h"
#include "policy/egress.h"
#include "policy/exfiltration.h"
#include "policy/grants.h"
#include "policy/local_data.h"
#include "policy/matcher.h"
#include "policy/policy.h"
#include "policy/special_names.h"
#include "telemetry/counters.h"
#include "wire/name.h"

namespace nxgate::store {
namespace {

std::uint32_t seconds(Milliseconds time) {
  return static_cast<std::uint32_t>(std::chrono::duration_cast<Seconds>(time).count());
}

/// The index of policies or upstreams by name; `complete` has checked that each reference exists.
class Numbers {
 public:
  template <class T>
  explicit Numbers(const std::vector<T>& all) {
    for (const T& each : all) {
      numbers_.try_emplace(each.name.name, static_cast<std::uint16_t>(numbers_.size()));
    }
  }

  [[nodiscard]] std::optional<std::uint16_t> find(const std::string& name) const {
    const auto found = numbers_.find(name);
    return found == numbers_.end() ? std::nullopt : std::optional(found->second);
  }
  [[nodiscard]] std::uint16_t of(const config::Reference& reference) const {
    return numbers_.at(reference.name);
  }

 private:
  std::unordered_map<std::string, std::uint16_t> numbers_;
};

engine::UpstreamGroup build_group(const config::UpstreamSettings& settings, Registry& registry) {
  engine::UpstreamGroup group;
  group.name = settings.name.name;
  group.timeout = settings.timeout;
  group.trusts_authentic = settings.trust_ad;
  group.netns = settings.netns;
  for (const config::UpstreamServer& server : settings.servers) {
    group.servers.push_back(
        {server.tcp_only ? engine::UpstreamProtocol::kTcp : engine::UpstreamProtocol::kUdp,
         server.endpoint});
  }
  group.identity = registry.identity_of(group);
  return group;
}

/// Whether the internet sees what is asked there.
bool is_public(const engine::UpstreamGroup& group) {
  return std::ranges::any_of(group.servers, [](const engine::UpstreamServer& server) {
    return !is_private(server.endpoint.address);
  });
}

std::shared_ptr<const policy::Policy> build_policy(config::PolicySettings& settings,
                                                   const Numbers& upstreams,
                                                   const std::vector<engine::UpstreamGroup>& groups,
                                                   std::shared_ptr<policy::EgressSets> sets,
                                                   Registry& registry, policy::CacheScope scope) {
  auto built = std::make_shared<policy::Policy>();
  built->slot = registry.slot_of(settings.name.name);
  built->rules = settings.rules.size();
  built->name = settings.name.name;
  built->deny = settings.deny;
  built->deny_v4 = settings.deny_v4;
  built->deny_v6 = settings.deny_v6;
  built->negative_ttl = seconds(settings.negative_ttl);
  built->on_upstream_failure = settings.on_upstream_failure;
  built->suppressed_types = std::move(settings.suppressed_types);
  built->service_targets = settings.service_targets;
  built->upstream = upstreams.of(settings.upstream);
  for (const config::RouteSettings& route : settings.routes) {
    for (const wire::DomainName& name : route.names) {
      built->routes.push_back({name, upstreams.of(route.upstream)});
    }
  }
  policy::add_special_names(settings.rules, settings.local, built->routes);
  policy::add_special_routes(built->routes, built->upstream,
                             [&](std::uint16_t upstream) { return is_public(groups[upstream]); });
  const bool enforces = settings.egress && settings.egress->mode == policy::EgressMode::kEnforce;
  if (settings.exfiltration || enforces) {
    built->exfiltration = std::make_shared<policy::Exfiltration>(
        settings.exfiltration.value_or(policy::Exfiltration()));
  }
  built->sets = std::move(sets);
  if (scope != policy::CacheScope::kShared) {
    built->cache_part = engine::cache_part_named(built->name);
    built->cache_by_address = scope == policy::CacheScope::kClient;
  }
  if (settings.egress) built->egress = std::make_shared<policy::Egress>(*settings.egress);
  auto local = std::make_unique<policy::LocalData>(std::move(settings.local));
  built->matcher =
      std::make_unique<policy::Matcher>(std::move(settings.rules), local->names(), built->routes);
  built->local = std::move(local);
  built->grants = registry.grants_of(settings.name.name);
  return built;
}

std::vector<policy::PolicySet::ClientRange> build_clients(const config::Settings& settings,
                                                          const Numbers& policies) {
  std::vector<policy::PolicySet::ClientRange> ranges;
  for (const config::ClientSettings& client : settings.clients) {
    const std::uint16_t index = policies.of(client.policy);
    for (const config::ClientRange& range : client.from) ranges.push_back({range.prefix, index});
  }
  return ranges;
}

}  // namespace

std::shared_ptr<policy::Grants> Registry::grants_of(const std::string& policy) {
  auto& grants = grants_[policy];
  if (!grants) grants = std::make_shared<policy::Grants>(wire::process_hash_key());
  return grants;
}

std::vector<policy::ClientFirewall> client_firewalls(const config::Settings& settings) {
  std::vector<policy::ClientFirewall> firewalls;
  for (const config::PolicySettings& policy : settings.policies) {
    if (!policy.egress) continue;
    policy::ClientFirewall firewall{.policy = policy.name.name, .egress = *policy.egress};
    for (const config::ClientSettings& client : settings.clients) {
      auto& ranges = client.policy == policy.name ? firewall.clients : firewall.others;
      for (const config::ClientRange& range : client.from) ranges.push_back(range.prefix);
    }
    if (!firewall.clients.empty()) firewalls.push_back(std::move(firewall));
  }
  return firewalls;
}

std::uint32_t Registry::identity_of(const engine::UpstreamGroup& group) {
  const auto same = std::ranges::find_if(known_, [&](const engine::UpstreamGroup& other) {
    return other.name == group.name && other.servers == group.servers &&
           other.timeout == group.timeout && other.netns == group.netns &&
           other.trusts_authentic == group.trusts_authentic;
  });
  const auto index = same - known_.begin();
  if (same == known_.end()) known_.push_back(group);
  return static_cast<std::uint32_t>(index + 1);
}

std::uint8_t Registry::slot_of(const std::string& policy) {
  const auto found = std::ranges::find(slots_, policy);
  if (found == slots_.end() && slots_.size() == telemetry::kPolicySlots) return 0;
  const auto slot = static_cast<std::uint8_t>(found - slots_.begin());
  if (found == slots_.end()) slots_.push_back(policy);
  return slot;
}

std::shared_ptr<const engine::Snapshot> build_snapshot(config::Settings settings,
                                                       Registry& registry,
                                                       policy::EgressRegistry& firewalls,
                                                       std::uint32_t generation) {
  std::vector<engine::UpstreamGroup> groups;
  groups.reserve(settings.upstreams.size());
  for (const config::UpstreamSettings& upstream : settings.upstreams) {
    groups.push_back(build_group(upstream, registry));
  }
  const Numbers numbers(settings.policies);
  const Numbers upstreams(settings.upstreams);
  const auto clients = build_clients(settings, numbers);
  const std::vector<policy::ClientFirewall> with_firewall = client_firewalls(settings);
  policy::PolicySet::Policies policies;
  policies.reserve(settings.policies.size());
  for (config::PolicySettings& policy : settings.policies) {
    const bool has_firewall =
        std::ranges::find(with_firewall, policy.name.name, &policy::ClientFirewall::policy) !=
        with_firewall.end();
    policies.push_back(build_policy(policy, upstreams, groups,
                                    has_firewall ? firewalls.sets_of(policy.name.name) : nullptr,
                                    registry, settings.cache.scope));
  }
  return std::make_shared<const engine::Snapshot>(engine::Snapshot{
      .generation = generation,
      .policies = policy::PolicySet(std::move(policies), clients,
                                    numbers.find("default").value_or(policy::PolicySet::kNone)),
      .groups = std::move(groups),
      .options = {.version_bind = std::move(settings.server.version_bind),
                  .tcp_idle = settings.server.tcp_idle,
                  .prefetch = settings.cache.prefetch},
  });
}

cache::Limits cache_limits(const config::CacheSettings& settings) {
  return {.bytes = settings.size,
          .least_ttl = seconds(settings.least_ttl),
          .most_ttl = seconds(settings.most_ttl),
          .most_negative_ttl = seconds(settings.most_negative_ttl),
          .stale = seconds(settings.stale)};
}

}  // namespace nxgate::store
