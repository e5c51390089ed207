// How many new names of one zone a client may ask for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "base/clock.h"
#include "wire/name.h"

namespace nxgate::engine {

/// For each client and registered domain, names that were never asked before are paid for from a
/// bucket that refills within a minute. A name asked again is free. Bounded: the names that were
/// seen longest ago are forgotten, and so are new again, which is paid for as any. Any thread.
class NameBudget {
 public:
  /// `client` is whatever tells one from another.
  [[nodiscard]] bool pays(std::uint64_t client, const wire::DomainName& name,
                          std::uint32_t a_minute, Instant now);

 private:
  static constexpr std::size_t kShards = 16;
  static constexpr std::size_t kMostNames = 16384;   ///< of a shard
  static constexpr std::size_t kMostBuckets = 4096;  ///< of a shard

  struct Bucket {
    double names = 0;
    Instant filled;
  };
  struct Shard {
    std::mutex mutex;
    boost::unordered_flat_set<std::uint64_t> seen;
    std::vector<std::uint64_t> order;  ///< a ring of what was seen, once it is full
    std::size_t oldest = 0;
    boost::unordered_flat_map<std::uint64_t, Bucket> buckets;
  };

  static void remember(Shard& shard, std::uint64_t name);
  static Bucket& bucket_of(Shard& shard, std::uint64_t key, std::uint32_t a_minute, Instant now);

  std::array<Shard, kShards> shards_;
};

}  // namespace nxgate::engine
