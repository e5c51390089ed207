#include "policy/grants.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "wire/name.h"

namespace nxgate::policy {

namespace {

bool same_but_for_time(const Grant& one, const Grant& other) noexcept {
  return one.by_rule == other.by_rule && one.ports == other.ports && one.root == other.root;
}

void add(const Grant& grant, Instant now, std::vector<Grant>& grants) {
  std::erase_if(grants, [now](const Grant& each) { return each.until <= now; });
  for (Grant& each : grants) {
    if (!same_but_for_time(each, grant)) continue;
    each.until = std::max(each.until, grant.until);
    return;
  }
  if (grants.size() == GrantTable::kMostGrants) {
    *std::ranges::min_element(grants, {}, &Grant::until) = grant;
  } else {
    grants.push_back(grant);
  }
}

}  // namespace

void GrantTable::grant(const wire::DomainName& name, const Grant& grant, Instant now) {
  const std::uint64_t hash = wire::hash_of(name, hash_key_);
  Shard& shard = shards_[shard_of(hash)];
  const std::lock_guard lock(shard.mutex);
  if (const auto held = shard.entries.find(hash); held != shard.entries.end()) {
    // Of two names with one hash the newer is held: a grant may be lost, never given wrongly.
    Entry& entry = held->second;
    if (entry.name != name) entry = {name, {}};
    return add(grant, now, entry.grants);
  }
  if (shard.order.size() < kMostOfShard) {
    shard.order.push_back(hash);
  } else {
    std::uint64_t& oldest = shard.order[shard.oldest];
    shard.entries.erase(oldest);
    counts_[count_of(oldest)].fetch_sub(1, std::memory_order_relaxed);
    oldest = hash;
    shard.oldest = (shard.oldest + 1) % kMostOfShard;
  }
  shard.entries.emplace(hash, Entry{name, {grant}});
  counts_[count_of(hash)].fetch_add(1, std::memory_order_relaxed);
  any_.store(true, std::memory_order_relaxed);
}

GrantTable::Held GrantTable::find(const wire::DomainName& name, const wire::SuffixHashes& hashes,
                                  Instant now) const noexcept {
  Held live;
  if (!may_hold(hashes)) return live;
  const std::uint64_t hash = hashes.whole();
  const Shard& shard = shards_[shard_of(hash)];
  const std::lock_guard lock(shard.mutex);
  const auto held = shard.entries.find(hash);
  if (held == shard.entries.end() || held->second.name != name) return live;
  for (const Grant& each : held->second.grants) {
    if (now < each.until) live.push_back(each);
  }
  return live;
}

}  // namespace nxgate::policy
