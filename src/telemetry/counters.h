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
  kExcessive,
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

/// The counters of one worker: written by its thread, read by any, no shared cache line.
class alignas(128) Counters {
 public:
  void add(Counter counter, std::uint64_t count = 1) noexcept {
    auto& value = values_[static_cast<std::size_t>(counter)];
    value.store(value.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t get(Counter counter) const noexcept {
    return values_[static_cast<std::size_t>(counter)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint64_t>, kCounterCount> values_{};
};

/// The sums over all workers in words, those that are 0 left out: `12 udp queries, 3 denied`.
[[nodiscard]] std::string summary(std::span<const std::unique_ptr<Counters>> workers);

}  // namespace nxgate::telemetry
