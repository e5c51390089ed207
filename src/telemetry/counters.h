// What a worker counts.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "telemetry/histogram.h"

namespace nxgate::telemetry {

/// Every counter, once; its name derives from `kCounterNames` in the same order.
enum class Counter : std::uint8_t {
  kUdpQueries,
  kTcpQueries,
  kDropped,
  kRateLimited,
  kShed,
  kMalformed,
  kDenied,
  kNoData,
  kLocal,
  kCacheHits,
  kStaleAnswers,
  kForwarded,
  kUpstreamFailures,
  kExfiltration,
  kFilteredAddresses,
  kFirewallFailures,
};
inline constexpr std::size_t kCounterCount = 16;

inline constexpr std::array<std::string_view, kCounterCount> kCounterNames{"udp queries",
                                                                           "tcp queries",
                                                                           "dropped",
                                                                           "rate limited",
                                                                           "shed",
                                                                           "malformed",
                                                                           "denied",
                                                                           "nodata",
                                                                           "local",
                                                                           "cache hits",
                                                                           "stale",
                                                                           "forwarded",
                                                                           "upstream failures",
                                                                           "excessive names",
                                                                           "filtered addresses",
                                                                           "firewall failures"};

/// What became of a question, as metrics have it.
enum class AnswerClass : std::uint8_t {
  kProhibited,  ///< no policy covers the client
  kDenied,
  kNoData,
  kLocal,
  kCached,
  kForwarded,
  kStale,
  kFailed,
};
inline constexpr std::array<std::string_view, 8> kVerdictNames{
    "prohibited", "denied", "nodata", "local", "cached", "forwarded", "stale", "failed"};

[[nodiscard]] constexpr std::string_view to_string(AnswerClass verdict) noexcept {
  return kVerdictNames[static_cast<std::size_t>(verdict)];
}

/// Policies that are counted each by itself. Slot 0 is for no policy and for all that are too many.
inline constexpr std::size_t kPolicySlots = 32;
inline constexpr std::size_t kRcodes = 16;

/// The buckets of waiting times for upstreams, in microseconds.
inline constexpr std::array<std::uint32_t, 14> kWaitBounds{
    250,    500,     1'000,   2'500,   5'000,     10'000,    25'000,
    50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000};
/// Those of the times to answers that need no upstream.
inline constexpr std::array<std::uint32_t, 11> kPromptBounds{
    10, 25, 50, 100, 250, 500, 1'000, 2'500, 5'000, 10'000, 100'000};

struct AnswerKind {
  std::uint8_t policy = 0;
  AnswerClass verdict{};
  bool stream = false;
};

/// The counters of one worker: written by its thread, read by any, no shared cache line.
class alignas(128) Counters {
 public:
  void add(Counter counter, std::uint64_t count = 1) noexcept {
    raise(values_[static_cast<std::size_t>(counter)], count);
  }
  [[nodiscard]] std::uint64_t get(Counter counter) const noexcept {
    return values_[static_cast<std::size_t>(counter)].load(std::memory_order_relaxed);
  }

  void answered(const AnswerKind& kind) noexcept { raise(answers_[index_of(kind)]); }
  [[nodiscard]] std::uint64_t answers(const AnswerKind& kind) const noexcept {
    return answers_[index_of(kind)].load(std::memory_order_relaxed);
  }

  /// A reply with this rcode was sent.
  void replied(std::uint8_t rcode, bool stream) noexcept { raise(replies_[rcode * 2U + stream]); }
  [[nodiscard]] std::uint64_t replies(std::uint8_t rcode, bool stream) const noexcept {
    return replies_[rcode * 2U + stream].load(std::memory_order_relaxed);
  }

  /// How long answers had to wait for an upstream.
  Histogram<kWaitBounds> waits;
  /// How long those took that left with the batch they came in.
  Histogram<kPromptBounds> prompt;

 private:
  using Value = std::atomic<std::uint64_t>;

  static void raise(Value& value, std::uint64_t by = 1) noexcept {
    value.store(value.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  static std::size_t index_of(const AnswerKind& kind) noexcept {
    return (kind.policy * kVerdictNames.size() + static_cast<std::size_t>(kind.verdict)) * 2U +
           kind.stream;
  }

  std::array<Value, kCounterCount> values_{};
  std::array<Value, kPolicySlots * kVerdictNames.size() * 2> answers_{};
  std::array<Value, kRcodes * 2> replies_{};
};

/// Of all workers.
[[nodiscard]] std::uint64_t total(std::span<const std::unique_ptr<Counters>> workers,
                                  Counter counter) noexcept;

/// The sums over all workers in words, those that are 0 left out: `12 udp queries, 3 denied`.
[[nodiscard]] std::string summary(std::span<const std::unique_ptr<Counters>> workers);

}  // namespace nxgate::telemetry
