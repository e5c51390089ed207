#include "policy/grants.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include "base/address.h"
#include "base/clock.h"
#include "wire/name.h"

namespace nxgate::policy {

void Grants::grant(const wire::DomainName& name, Instant until, const Ports* ports) {
  const auto own = ports == nullptr ? std::nullopt : std::optional(*ports);
  const std::uint64_t hash = wire::hash_of(name, hash_key_);
  Shard& shard = shards_[shard_of(hash)];
  const std::lock_guard lock(shard.mutex);
  if (const auto held = shard.entries.find(hash); held != shard.entries.end()) {
    Entry& entry = held->second;
    // Of two names with one hash the newer is held: a grant may be lost, never given wrongly.
    entry.until = entry.name == name ? std::max(entry.until, until) : until;
    entry.name = name;
    entry.ports = own;
    return;
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
  shard.entries.emplace(hash, Entry{name, until, own});
  counts_[count_of(hash)].fetch_add(1, std::memory_order_relaxed);
  any_.store(true, std::memory_order_relaxed);
}

std::optional<Ports> Grants::ports_of(const wire::DomainName& name) const {
  const std::uint64_t hash = wire::hash_of(name, hash_key_);
  const Shard& shard = shards_[shard_of(hash)];
  const std::lock_guard lock(shard.mutex);
  const auto held = shard.entries.find(hash);
  if (held == shard.entries.end() || held->second.name != name) return std::nullopt;
  return held->second.ports;
}

bool Grants::granted(const wire::DomainName& name, const wire::SuffixHashes& hashes,
                     Instant now) const noexcept {
  if (!any_.load(std::memory_order_relaxed)) return false;
  const std::uint64_t hash = hashes.whole();
  if (counts_[count_of(hash)].load(std::memory_order_relaxed) == 0) return false;
  const Shard& shard = shards_[shard_of(hash)];
  const std::lock_guard lock(shard.mutex);
  const auto held = shard.entries.find(hash);
  return held != shard.entries.end() && now < held->second.until && held->second.name == name;
}

}  // namespace nxgate::policy
