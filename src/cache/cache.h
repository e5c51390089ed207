// Answers of upstreams, kept for their TTL.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

#include "base/bytes.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "wire/answer.h"
#include "wire/query.h"

namespace nxgate::cache {

/// What an answer is filed under. DO and CD are part of it (CoreDNS CVE-2024-0874), and so is the
/// upstream group that said it, so that one group can't poison another's names (MaginotDNS). The
/// part keeps clients apart who shall not learn by a TTL or by time what the others asked for.
struct Key {
  wire::Question question;
  std::uint64_t hash = 0;   ///< of the name, wire::process_hash_key
  std::uint32_t group = 0;  ///< identity of the upstream group
  bool dnssec_ok = false;
  bool checking_disabled = false;
  std::uint64_t part = 0;  ///< of the cache; 0 for everybody's, else by a keyed hash

  bool operator==(const Key&) const = default;
};

/// The hash of a whole key, for hash tables: mixes the rest into that of the name, which is keyed.
struct KeyHash {
  [[nodiscard]] std::size_t operator()(const Key& key) const noexcept;
};

/// One stored answer; immutable, and alive as long as somebody holds it. What a hit reads stands in
/// front, beside the count of holders.
struct Answer {
  wire::Rcode rcode{};
  std::uint16_t answers = 0;
  std::uint16_t authorities = 0;
  bool negative = false;
  bool authentic = false;  ///< validated by an upstream that is trusted with it
  bool open = false;       ///< ends with an alias whose target is still to be asked for
  Instant stored;
  std::uint32_t ttl = 0;  ///< seconds from `stored`, after caps and floors
  Bytes body;
  std::span<const std::uint16_t> ttl_offsets;
  std::span<const wire::DomainName> targets;
  /// Set by the first who asks for a fresh one before this one ends, so that only one does.
  mutable std::atomic<bool> refreshing{false};
  Key key;
};

/// An answer and copies of its parts, in one piece of memory.
[[nodiscard]] std::shared_ptr<Answer> new_answer(Bytes body,
                                                 std::span<const std::uint16_t> ttl_offsets,
                                                 std::span<const wire::DomainName> targets);

/// Bounds on what is kept, from the configuration.
struct Limits {
  std::size_t bytes = 32UL << 20;
  std::uint32_t least_ttl = 0;             ///< seconds
  std::uint32_t most_ttl = 7 * 86400;      ///< seconds
  std::uint32_t most_negative_ttl = 3600;  ///< seconds
  std::uint32_t stale = 86400;             ///< how long past its TTL an answer may serve
                                           ///< (RFC 8767); 0 for not at all
};

/// Makes a storable answer. The TTLs in `scrubbed` are capped and raised as `limits` say, but 0
/// stays 0.
[[nodiscard]] std::shared_ptr<const Answer> make_answer(const Key& key,
                                                        wire::ScrubbedAnswer& scrubbed,
                                                        const Limits& limits, Instant now);

/// Whole seconds since `answer` was stored; it is stale once they reach its TTL.
[[nodiscard]] std::uint32_t elapsed_seconds(const Answer& answer, Instant now) noexcept;

/// A bounded store shared by all workers: sharded, each shard with its own mutex held for a probe
/// only, and SIEVE eviction, by which a hit sets one bit and moves nothing.
///
/// Room is shared by client as in stochastic fair queueing (McKenney, 1990): in each shard a client
/// has one of 32 queues, another one in each, and the longest queue is what is evicted from. So a
/// client that files much pushes out its own answers, and of another's those in about one shard of
/// 32.
class Cache {
 public:
  explicit Cache(const Limits& limits);
  ~Cache();
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  /// The answer for `key`, fresh or stale within the limit, else null. Any thread.
  [[nodiscard]] std::shared_ptr<const Answer> find(const Key& key, Instant now) noexcept;

  /// Files `answer` unless its TTL is 0, over an older one of the same key, for `client`, who
  /// asked. Where there is no room the client that has most of it gives way. Any thread.
  void insert(std::shared_ptr<const Answer> answer, ClientKey client = {});

  /// Forgets the answers for names at or below `name`, how many that were. Any thread.
  std::size_t flush(const wire::DomainName& name);

  [[nodiscard]] const Limits& limits() const noexcept { return limits_; }
  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] std::size_t size() const;
  /// How many answers were pushed out for want of room so far.
  [[nodiscard]] std::uint64_t evictions() const;

 private:
  struct Shard;
  static constexpr std::size_t kShards = 32;

  [[nodiscard]] static std::size_t shard_number(std::uint64_t slot) noexcept;
  [[nodiscard]] static std::uint8_t queue_of(ClientKey client, std::uint64_t slot) noexcept;
  [[nodiscard]] Shard& shard(std::uint64_t slot) const noexcept;

  Limits limits_;
  std::unique_ptr<std::array<Shard, kShards>> shards_;
};

}  // namespace nxgate::cache
