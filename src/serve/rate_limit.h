// How often a client may ask over UDP.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/address.h"
#include "base/clock.h"
#include "base/keyed_hash.h"
#include "serve/limits.h"

namespace nxgate::serve {

/// A token bucket for each client prefix, of all workers together. No lock, and no allocation once
/// it is made: 512 KiB for 65536 clients. Any thread.
///
/// Clients are told apart by a keyed hash, the only trace of them that is kept. A bucket is its
/// "theoretical arrival time" (GCRA), so a full one can be replaced; if none is full, the one
/// nearest to full is replaced.
class RateLimit {
 public:
  /// `limits.queries_per_second` isn't 0.
  explicit RateLimit(const RateLimits& limits);

  [[nodiscard]] const RateLimits& limits() const noexcept { return limits_; }

  /// Whether the client may send one more query; takes its token. Those that ask by a listener with
  /// a policy of its own, as an attached container does, are told apart by that too.
  [[nodiscard]] bool admits(const IpAddress& client, std::string_view listener_policy,
                            Instant now) noexcept;

 private:
  static constexpr std::size_t kSets = 8192;

  /// One cache line: a client's bucket is in one of its slots, or nowhere. A slot is the upper bits
  /// of the hash and the time in ticks.
  struct alignas(64) Set {
    std::array<std::atomic<std::uint64_t>, 8> slots{};
  };

  [[nodiscard]] std::uint64_t hash_of(const IpAddress& client,
                                      std::string_view listener_policy) const noexcept;

  RateLimits limits_;
  std::uint64_t interval_;  ///< ticks from one query to the next
  std::uint64_t most_;      ///< ticks a bucket may be ahead of the time
  KeyedHash hash_;
  std::unique_ptr<std::array<Set, kSets>> sets_;
};

}  // namespace nxgate::serve
