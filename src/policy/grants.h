// Names that are allowed for a while because an allowed name led to them.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include <boost/container/static_vector.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include "base/address.h"
#include "base/clock.h"
#include "wire/name.h"

namespace nxgate::policy {

/// What led to a name.
struct Grant {
  wire::DomainName root;  ///< the allowed name from which answers led here, step by step
  Instant until;
  bool by_rule = true;                             ///< has the ports of the root's rule
  boost::container::static_vector<Port, 2> ports;  ///< and these, told by a record
};

/// Names remembered as granted for a record's TTL, by all that led to them. Bounded: at most kMost
/// names, the oldest of a shard going first. Any thread; a lookup of a name that isn't held takes,
/// with few exceptions, no lock.
class GrantTable {
 public:
  static constexpr std::size_t kMost = 16384;
  /// Of one name; a further one takes the place of that which ends first.
  static constexpr std::size_t kMostGrants = 16;
  using Held = boost::container::static_vector<Grant, kMostGrants>;

  explicit GrantTable(std::uint64_t hash_key) : hash_key_(hash_key) {}

  /// Of two by one root and with the same ports the longer lasts.
  void grant(const wire::DomainName& name, const Grant& grant, Instant now);

  /// Whether a name of these hashes, by the key given to the constructor, may be held; they are
  /// looked at only once there has been a grant.
  [[nodiscard]] bool may_hold(const wire::SuffixHashes& hashes) const noexcept {
    return any_.load(std::memory_order_relaxed) &&
           counts_[count_of(hashes.whole())].load(std::memory_order_relaxed) != 0;
  }

  /// The grants of a name that haven't ended.
  [[nodiscard]] Held find(const wire::DomainName& name, const wire::SuffixHashes& hashes,
                          Instant now) const noexcept;

 private:
  struct Entry {
    wire::DomainName name;
    std::vector<Grant> grants;
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

/// What answers for allowed names granted to the clients of one policy, or of one container.
struct Grants {
  explicit Grants(std::uint64_t hash_key) : aliases(hash_key), services(hash_key) {}

  /// Targets of CNAMEs, so that a client that follows a chain by itself isn't denied halfway.
  GrantTable aliases;
  /// Targets of records such as SRV, whose addresses may be asked for.
  GrantTable services;
};

}  // namespace nxgate::policy
