// The budget of new names per client and zone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "base/client_key.h"
#include "base/clock.h"
#include "wire/name.h"

namespace nxgate::engine {

/// For each client and registered domain, names that are queried for the first time are charged to
/// a bucket that refills within a minute. A name asked again is free. Any thread.
///
/// Bounded, and nothing is won by overfilling it: names that were seen longest ago are forgotten,
/// and so are new again; a bucket gives way once it is full again, when it is as good as none; as
/// long as none is, the clients and domains that found no room share one.
class NameBudget {
 public:
  static constexpr std::size_t kShards = 16;
  static constexpr std::size_t kMostNames = 16384;   ///< of a shard
  static constexpr std::size_t kMostDomains = 4096;  ///< of a shard

  /// `a_minute` isn't 0.
  [[nodiscard]] bool spend(ClientKey client, const wire::DomainName& name, std::uint32_t a_minute,
                           Instant now);

  /// The names and buckets held.
  [[nodiscard]] std::size_t size() const;

 private:
  struct Shard {
    [[nodiscard]] bool take(std::uint64_t domain, std::uint32_t a_minute, Instant now);
    [[nodiscard]] Instant& bucket(std::uint64_t domain, Instant now);
    void remember(std::uint64_t name);

    mutable std::mutex mutex;
    boost::unordered_flat_set<std::uint64_t> seen;
    std::vector<std::uint64_t> names;  ///< a ring of what was seen, once it is full
    std::size_t oldest = 0;
    /// When each bucket is full again.
    boost::unordered_flat_map<std::uint64_t, Instant> full_at;
    std::vector<std::uint64_t> domains;  ///< a ring of their keys, once it is full
    std::size_t hand = 0;
    Instant common_full_at;  ///< the bucket of those that found no room
  };

  std::array<Shard, kShards> shards_;
};

}  // namespace nxgate::engine
