// Names that are allowed for a while because an allowed name led to them.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/clock.h"
#include "wire/name.h"

namespace nxgate::policy {

/// CNAME targets remembered as granted for the record's TTL, so that a client that follows a chain
/// by itself isn't denied halfway. Bounded: at most kMost names, the oldest of a shard going first.
/// Any thread; a lookup while no grant is held takes no lock.
class Grants {
 public:
  static constexpr std::size_t kMost = 16384;

  explicit Grants(std::uint64_t hash_key) : hash_key_(hash_key) {}

  void grant(const wire::DomainName& name, Instant until);
  [[nodiscard]] bool granted(const wire::DomainName& name, std::uint64_t hash,
                             Instant now) const noexcept;

 private:
  struct Entry {
    wire::DomainName name;
    Instant until;
  };
  struct Shard {
    mutable std::mutex mutex;
    boost::unordered_flat_map<std::uint64_t, Entry> entries;
  };
  static constexpr std::size_t kShards = 16;

  std::uint64_t hash_key_;
  std::array<Shard, kShards> shards_;
  std::atomic<std::size_t> count_{0};
};

}  // namespace nxgate::policy
