#include "engine/name_budget.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "base/client_key.h"
#include "base/clock.h"
#include "policy/rule.h"
#include "wire/name.h"

namespace nxgate::engine {
namespace {

constexpr Instant::duration kRefill = std::chrono::minutes(1);
/// How many buckets are looked at for one that may give way.
constexpr int kLooks = 4;

}  // namespace

bool NameBudget::spend(ClientKey client, const wire::DomainName& name, std::uint32_t a_minute,
                       Instant now) {
  Shard& shard = shards_[client.value % kShards];
  // What is held is compared by this alone: nobody can make names that collide.
  const std::uint64_t own = keyed_hash(client.value, name.wire());
  const std::lock_guard lock(shard.mutex);
  if (shard.seen.contains(own)) return true;
  const std::uint64_t domain = keyed_hash(client.value, policy::registered_domain(name).wire());
  if (!shard.take(domain, a_minute, now)) return false;
  shard.remember(own);
  return true;
}

bool NameBudget::Shard::take(std::uint64_t domain, std::uint32_t a_minute, Instant now) {
  Instant& full = bucket(domain, now);
  const Instant after = std::max(full, now) + kRefill / a_minute;
  if (after - now > kRefill) return false;
  full = after;
  return true;
}

Instant& NameBudget::Shard::bucket(std::uint64_t domain, Instant now) {
  if (const auto found = full_at.find(domain); found != full_at.end()) return found->second;
  if (domains.size() < kMostDomains) {
    domains.push_back(domain);
    return full_at[domain];
  }
  for (int look = 0; look < kLooks; ++look) {
    std::uint64_t& old = domains[hand];
    hand = (hand + 1) % kMostDomains;
    const auto held = full_at.find(old);
    if (held->second > now) continue;
    full_at.erase(held);
    old = domain;
    return full_at[domain];
  }
  return common_full_at;
}

void NameBudget::Shard::remember(std::uint64_t name) {
  if (names.size() < kMostNames) {
    names.push_back(name);
  } else {
    seen.erase(names[oldest]);
    names[oldest] = name;
    oldest = (oldest + 1) % kMostNames;
  }
  seen.insert(name);
}

std::size_t NameBudget::size() const {
  std::size_t total = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    total += shard.seen.size() + shard.full_at.size();
  }
  return total;
}

}  // namespace nxgate::engine
