// How long something took, by buckets.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace nxgate::telemetry {

/// Counts durations below each of `bounds`, which ascend, in microseconds; one bucket more is
/// without bound. Written by one thread, read by any.
template <const auto& bounds>
class Histogram {
 public:
  static constexpr std::size_t kBuckets = bounds.size() + 1;

  /// So many took this long each.
  void add(std::chrono::nanoseconds time, std::uint64_t count = 1) noexcept {
    const auto micros = std::chrono::ceil<std::chrono::microseconds>(time).count();
    const auto bucket = std::ranges::lower_bound(bounds, micros) - bounds.begin();
    raise(counts_[static_cast<std::size_t>(bucket)], count);
    raise(sum_, static_cast<std::uint64_t>(time.count()) * count);
  }

  /// Of a bucket by itself, without those below.
  [[nodiscard]] std::uint64_t count(std::size_t bucket) const noexcept {
    return counts_[bucket].load(std::memory_order_relaxed);
  }
  /// In nanoseconds, of all.
  [[nodiscard]] std::uint64_t sum() const noexcept { return sum_.load(std::memory_order_relaxed); }

 private:
  using Value = std::atomic<std::uint64_t>;

  static void raise(Value& value, std::uint64_t by) noexcept {
    value.store(value.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }

  std::array<Value, kBuckets> counts_{};
  Value sum_{0};
};

}  // namespace nxgate::telemetry
