#include "policy/grants.h"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include "base/clock.h"
#include "wire/name.h"

namespace nxgate::policy {

bool Grants::grant(const wire::DomainName& name, const wire::DomainName& root, Instant until) {
  return put(name, root, until, Longer::kStays);
}

void Grants::replace(const wire::DomainName& name, const wire::DomainName& root, Instant until) {
  (void)put(name, root, until, Longer::kGoes);
}

bool Grants::put(const wire::DomainName& name, const wire::DomainName& root, Instant until,
                 Longer longer) {
  const std::uint64_t hash = wire::hash_of(name, hash_key_);
  Shard& shard = shards_[shard_of(hash)];
  const std::lock_guard lock(shard.mutex);
  if (const auto held = shard.entries.find(hash); held != shard.entries.end()) {
    // Of two names with one hash the newer is held: a grant may be lost, never given wrongly.
    Entry& entry = held->second;
    const bool stays = longer == Longer::kStays && entry.name == name && entry.until >= until;
    if (!stays) entry = {name, root, until};
    return !stays || entry.root == root;
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
  shard.entries.emplace(hash, Entry{name, root, until});
  counts_[count_of(hash)].fetch_add(1, std::memory_order_relaxed);
  any_.store(true, std::memory_order_relaxed);
  return true;
}

std::optional<Grants::Held> Grants::find(const wire::DomainName& name,
                                         const wire::SuffixHashes& hashes,
                                         Instant now) const noexcept {
  if (!may_hold(hashes)) return std::nullopt;
  const std::uint64_t hash = hashes.whole();
  const Shard& shard = shards_[shard_of(hash)];
  const std::lock_guard lock(shard.mutex);
  const auto held = shard.entries.find(hash);
  if (held == shard.entries.end()) return std::nullopt;
  const Entry& entry = held->second;
  if (now >= entry.until || entry.name != name) return std::nullopt;
  return Held{entry.until, entry.root};
}

}  // namespace nxgate::policy
