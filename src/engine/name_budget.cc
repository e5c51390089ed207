#include "engine/name_budget.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include <boost/container_hash/hash.hpp>

#include "base/clock.h"
#include "policy/rule.h"
#include "wire/name.h"

namespace nxgate::engine {
namespace {

std::uint64_t mixed(std::uint64_t client, const wire::DomainName& name) {
  std::size_t seed = client;
  boost::hash_combine(seed, wire::hash_of(name, wire::process_hash_key()));
  return seed;
}

}  // namespace

bool NameBudget::pays(std::uint64_t client, const wire::DomainName& name, std::uint32_t a_minute,
                      Instant now) {
  Shard& shard = shards_[client % kShards];
  const std::uint64_t own = mixed(client, name);
  const std::lock_guard lock(shard.mutex);
  if (shard.seen.contains(own)) return true;
  Bucket& bucket = bucket_of(shard, mixed(client, policy::registered_domain(name)), a_minute, now);
  if (bucket.names < 1) return false;
  bucket.names -= 1;
  remember(shard, own);
  return true;
}

void NameBudget::remember(Shard& shard, std::uint64_t name) {
  if (shard.order.size() < kMostNames) {
    shard.order.push_back(name);
  } else {
    std::uint64_t& oldest = shard.order[shard.oldest];
    shard.seen.erase(oldest);
    oldest = name;
    shard.oldest = (shard.oldest + 1) % kMostNames;
  }
  shard.seen.insert(name);
}

/// Refilled up to now. Buckets that are full again are as good as none.
NameBudget::Bucket& NameBudget::bucket_of(Shard& shard, std::uint64_t key, std::uint32_t a_minute,
                                          Instant now) {
  if (shard.buckets.size() >= kMostBuckets && !shard.buckets.contains(key)) {
    boost::unordered::erase_if(shard.buckets, [now](const auto& entry) {
      return now - entry.second.filled >= std::chrono::minutes(1);
    });
    if (shard.buckets.size() >= kMostBuckets) shard.buckets.erase(shard.buckets.begin());
  }
  const double most = a_minute;
  Bucket& bucket = shard.buckets.try_emplace(key, Bucket{most, now}).first->second;
  const std::chrono::duration<double, std::ratio<60>> minutes = now - bucket.filled;
  bucket.names = std::min(most, bucket.names + std::max(0.0, minutes.count()) * most);
  bucket.filled = now;
  return bucket;
}

}  // namespace nxgate::engine
