#include "serve/rate_limit.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "serve/limits.h"

namespace nxgate::serve {
namespace {

/// A tick is 64 ns; times are kept modulo 2^44 ticks, some 13 days.
constexpr int kTickBits = 6;
constexpr std::uint64_t kTicksASecond = 1'000'000'000 >> kTickBits;
constexpr std::uint64_t kTimeMask = (std::uint64_t{1} << 44) - 1;
constexpr std::size_t kMostOfName = 47;
/// Then somebody else was quicker again and again, and the query is let through.
constexpr int kAttempts = 4;

std::uint64_t ticks_of(Instant now) noexcept {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(now.time_since_epoch()).count()) >>
         kTickBits;
}

/// Copies the first `bits` of an address.
void copy_prefix(Bytes address, unsigned bits, std::uint8_t* to) noexcept {
  for (std::size_t i = 0; i < address.size() && i * 8 < bits; ++i) {
    const unsigned left = bits - static_cast<unsigned>(i) * 8;
    to[i] = left >= 8 ? address[i] : static_cast<std::uint8_t>(address[i] & (0xff00U >> left));
  }
}

}  // namespace

RateLimit::RateLimit(const RateLimits& limits)
    : limits_(limits),
      interval_(std::max<std::uint64_t>(1, kTicksASecond / limits.queries_per_second)),
      most_(interval_ * (std::max(1U, limits.burst) - 1)),
      sets_(std::make_unique<std::array<Set, kSets>>()) {}

bool RateLimit::admits(const IpAddress& client, std::string_view listener_policy,
                       Instant now) noexcept {
  const std::uint64_t hash = hash_of(client, listener_policy);
  const std::uint64_t tag = hash & ~kTimeMask;
  const std::uint64_t time = ticks_of(now);
  Set& set = (*sets_)[hash % kSets];
  // How far the bucket of a slot is ahead of the time; one that is farther than can be is old. The
  // time of another worker's batch may be later than ours.
  const auto ahead = [&](std::uint64_t slot) -> std::uint64_t {
    const std::uint64_t difference = (slot - time) & kTimeMask;
    return difference <= most_ + interval_ + kTicksASecond ? difference : 0;
  };
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::atomic<std::uint64_t>* chosen = nullptr;
    std::uint64_t seen = 0;
    for (std::atomic<std::uint64_t>& slot : set.slots) {
      const std::uint64_t value = slot.load(std::memory_order_relaxed);
      const bool own = (value & ~kTimeMask) == tag;
      if (!own && chosen != nullptr && ahead(value) >= ahead(seen)) continue;
      chosen = &slot;
      seen = value;
      if (own) break;
    }
    const std::uint64_t debt = (seen & ~kTimeMask) == tag ? ahead(seen) : 0;
    if (debt > most_) return false;
    const std::uint64_t next = tag | ((time + debt + interval_) & kTimeMask);
    if (chosen->compare_exchange_weak(seen, next, std::memory_order_relaxed)) return true;
  }
  return true;
}

std::uint64_t RateLimit::hash_of(const IpAddress& client,
                                 std::string_view listener_policy) const noexcept {
  const Bytes address = client.bytes();
  std::array<std::uint8_t, 17 + kMostOfName> input{};
  copy_prefix(address, client.is_v4() ? limits_.ipv4_prefix : limits_.ipv6_prefix, input.data());
  input[16] = static_cast<std::uint8_t>(address.size());
  const std::string_view name = listener_policy.substr(0, kMostOfName);
  std::ranges::copy(name, input.begin() + 17);
  return hash_(Bytes(input).first(17 + name.size()));
}

}  // namespace nxgate::serve
