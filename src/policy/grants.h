// Names that are allowed for a while because an allowed name led to them.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/clock.h"
#include "wire/name.h"

namespace nxgate::policy {

/// CNAME targets remembered as granted for the record's TTL, so that a client that follows a chain
/// by itself isn't denied halfway. Bounded: at most kMost names, the oldest of a shard going first.
/// Any thread; a lookup of a name that isn't held takes, with few exceptions, no lock.
class Grants {
 public:
  static constexpr std::size_t kMost = 16384;

  explicit Grants(std::uint64_t hash_key) : hash_key_(hash_key) {}

  /// `root` is the allowed name from which answers led to it, step by step. False if one by another
  /// root is held that lasts longer.
  [[nodiscard]] bool grant(const wire::DomainName& name, const wire::DomainName& root,
                           Instant until);
  /// The same in place of whatever is held.
  void replace(const wire::DomainName& name, const wire::DomainName& root, Instant until);

  /// Whether a name of these hashes, by the key given to the constructor, may be held; they are
  /// looked at only once there has been a grant.
  [[nodiscard]] bool may_hold(const wire::SuffixHashes& hashes) const noexcept {
    return any_.load(std::memory_order_relaxed) &&
           counts_[count_of(hashes.whole())].load(std::memory_order_relaxed) != 0;
  }

  struct Held {
    Instant until;
    wire::DomainName root;
  };
  /// The grant of a name, if there is one and it hasn't ended.
  [[nodiscard]] std::optional<Held> find(const wire::DomainName& name,
                                         const wire::SuffixHashes& hashes,
                                         Instant now) const noexcept;

 private:
  enum class Longer : std::uint8_t { kStays = 0, kGoes };

  [[nodiscard]] bool put(const wire::DomainName& name, const wire::DomainName& root, Instant until,
                         Longer longer);

  struct Entry {
    wire::DomainName name;
    wire::DomainName root;
    Instant until;
  };
  struct Shard {
    mutable std::mutex mutex;
    boost::unordered_flat_map<std::uint64_t, Entry> entries;
    std::vector<std::uint64_t> order;  ///< a ring of the hashes held, once it is full
    std::size_t oldest = 0;
  };
  static constexpr std::size_t kShards = 16;
  static constexpr std::size_t kMostOfShard = kMost / kShards;
  static constexpr std::size_t kCounts = 4096;

  [[nodiscard]] static std::size_t shard_of(std::uint64_t hash) noexcept { return hash >> 60; }
  [[nodiscard]] static std::size_t count_of(std::uint64_t hash) noexcept { return hash >> 52; }

  std::uint64_t hash_key_;
  std::atomic<bool> any_{false};
  std::array<Shard, kShards> shards_;
  /// How many names are held by the first bits of their hashes, so that a denial needs no lock.
  std::array<std::atomic<std::uint16_t>, kCounts> counts_{};
};

}  // namespace nxgate::policy
