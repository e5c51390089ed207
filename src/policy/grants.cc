#include "policy/grants.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

#include "base/address.h"
#include "base/clock.h"
#include "wire/name.h"

namespace nxgate::policy {

namespace {

void add(const Grant& more, Grant& grant) {
  grant.until = std::max(grant.until, more.until);
  grant.by_rule = grant.by_rule || more.by_rule;
  for (const Port& port : more.ports) {
    if (grant.ports.size() == Grant::kMostPorts) return;
    if (std::ranges::find(grant.ports, port) == grant.ports.end()) grant.ports.push_back(port);
  }
}

}  // namespace

bool GrantTable::grant(const wire::DomainName& name, const Grant& grant) {
  return put(name, grant, Longer::kStays);
}

void GrantTable::replace(const wire::DomainName& name, const Grant& grant) {
  (void)put(name, grant, Longer::kGoes);
}

bool GrantTable::put(const wire::DomainName& name, const Grant& grant, Longer longer) {
  const std::uint64_t hash = wire::hash_of(name, hash_key_);
  Shard& shard = shards_[shard_of(hash)];
  const std::lock_guard lock(shard.mutex);
  if (const auto held = shard.entries.find(hash); held != shard.entries.end()) {
    // Of two names with one hash the newer is held: a grant may be lost, never given wrongly.
    Entry& entry = held->second;
    if (longer == Longer::kGoes || entry.name != name) {
      entry = {name, grant};
      return true;
    }
    if (entry.grant.root == grant.root) {
      add(grant, entry.grant);
      return true;
    }
    if (entry.grant.until >= grant.until) return false;
    entry.grant = grant;
    return true;
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
  shard.entries.emplace(hash, Entry{name, grant});
  counts_[count_of(hash)].fetch_add(1, std::memory_order_relaxed);
  any_.store(true, std::memory_order_relaxed);
  return true;
}

std::optional<Grant> GrantTable::find(const wire::DomainName& name,
                                      const wire::SuffixHashes& hashes,
                                      Instant now) const noexcept {
  if (!may_hold(hashes)) return std::nullopt;
  const std::uint64_t hash = hashes.whole();
  const Shard& shard = shards_[shard_of(hash)];
  const std::lock_guard lock(shard.mutex);
  const auto held = shard.entries.find(hash);
  if (held == shard.entries.end()) return std::nullopt;
  const Entry& entry = held->second;
  if (now >= entry.grant.until || entry.name != name) return std::nullopt;
  return entry.grant;
}

}  // namespace nxgate::policy
