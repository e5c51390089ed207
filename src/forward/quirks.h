// What is learnt of how one server takes queries.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"

namespace nxgate::forward {

/// Servers that can't take what is usual, by what they did with it: EDNS (RFC 6891 section 7), and
/// the mixed letters of a question (0x20). Any thread, no lock.
class Quirks {
 public:
  /// How long a server without EDNS is asked without; then one question finds out again.
  static constexpr Seconds kWithoutEdns{900};

  /// Whether queries to it carry an OPT.
  [[nodiscard]] bool takes_edns(Instant now) const noexcept {
    return now.time_since_epoch().count() >= without_edns_until_.load(std::memory_order_relaxed);
  }
  /// Whether it has answered a query with EDNS since it was last silent.
  [[nodiscard]] bool proven() const noexcept { return proven_.load(std::memory_order_relaxed); }

  /// It replied to a query with an OPT.
  void replied_with_edns() noexcept {
    proven_.store(true, std::memory_order_relaxed);
    plain_.store(0, std::memory_order_relaxed);
  }
  /// It answered a query without an OPT, after it had `refused` the same with one, or had said
  /// nothing to that, which is believed when it is seen twice.
  void answered_without_edns(bool refused, Instant now) noexcept {
    if (proven() && !refused) return;
    if (plain_.fetch_add(1, std::memory_order_relaxed) + 1 < kSeen && !refused) return;
    without_edns_until_.store((now + kWithoutEdns).time_since_epoch().count(),
                              std::memory_order_relaxed);
  }
  /// It may be another one by now.
  void missed() noexcept { proven_.store(false, std::memory_order_relaxed); }

  /// Whether the letters of a question come back as they were sent. It is believed of a server that
  /// they don't when that was seen of two questions, so that a forger must guess for both.
  [[nodiscard]] bool keeps_letters() const noexcept {
    return !changes_letters_.load(std::memory_order_relaxed);
  }
  /// Of the question with the name of that hash.
  void changed_letters(std::uint64_t hash) noexcept {
    const std::uint64_t before = changed_.exchange(hash, std::memory_order_relaxed);
    if (before != 0 && before != hash) changes_letters_.store(true, std::memory_order_relaxed);
  }

 private:
  static constexpr std::uint32_t kSeen = 2;

  std::atomic<Instant::rep> without_edns_until_{Instant::min().time_since_epoch().count()};
  std::atomic<std::uint32_t> plain_{0};
  std::atomic<std::uint64_t> changed_{0};  ///< the question for which it was seen last; 0 is none
  std::atomic<bool> changes_letters_{false};
  std::atomic<bool> proven_{false};
};

}  // namespace nxgate::forward
