// What a thread of the relay counts.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "telemetry/counters.h"

namespace nxgate::telemetry {

/// What became of a connection whose name is checked, as metrics have it.
enum class ConnectionResult : std::uint8_t {
  kDenied,  ///< or a later request on one that was opened
  kFailed,  ///< allowed, but there was no way to the server
  kOpened,
};
inline constexpr std::array<std::string_view, 3> kConnectionResultNames{"denied", "failed",
                                                                        "opened"};

/// Of octets, as the client sees it.
enum class Direction : std::uint8_t { kSent, kReceived };
inline constexpr std::array<std::string_view, 2> kDirectionNames{"sent", "received"};

/// The counters of one thread: written by it, read by any, no shared cache line.
class alignas(128) ConnectionCounters {
 public:
  /// By the policy's slot, as AnswerKind has it.
  void decided(std::uint8_t policy, ConnectionResult result) noexcept {
    raise(results_[index_of(policy, result)], 1);
  }
  [[nodiscard]] std::uint64_t results(std::uint8_t policy, ConnectionResult result) const noexcept {
    return results_[index_of(policy, result)].load(std::memory_order_relaxed);
  }

  void moved(Direction direction, std::uint64_t octets) noexcept {
    raise(octets_[static_cast<std::size_t>(direction)], octets);
  }
  [[nodiscard]] std::uint64_t octets(Direction direction) const noexcept {
    return octets_[static_cast<std::size_t>(direction)].load(std::memory_order_relaxed);
  }

 private:
  using Value = std::atomic<std::uint64_t>;

  static void raise(Value& value, std::uint64_t by) noexcept {
    value.store(value.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  static std::size_t index_of(std::uint8_t policy, ConnectionResult result) noexcept {
    return policy * kConnectionResultNames.size() + static_cast<std::size_t>(result);
  }

  std::array<Value, kPolicySlots * kConnectionResultNames.size()> results_{};
  std::array<Value, kDirectionNames.size()> octets_{};
};

}  // namespace nxgate::telemetry
