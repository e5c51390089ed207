// One bound that many clients share.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

#include "base/client_key.h"

namespace nxgate {

/// A bound on something of which each client takes and gives back. A client may hold as much as is
/// left for all others (a dynamic threshold: Choudhury and Hahne, 1998). So of many greedy ones
/// each comes to hold the same, and what is left is as much again. Beyond the threshold an eighth
/// is kept for clients that hold next to nothing, a 256th: however many greedy ones came before, a
/// new one finds something.
///
/// No lock, no allocation once it is made. Clients are told apart by 14 bits of their key: two of
/// 16384 share a count. What all hold together never exceeds `capacity`. Any thread.
class Shares {
 public:
  /// `most` is what one client may hold however much is left.
  explicit Shares(std::size_t capacity,
                  std::size_t most = std::numeric_limits<std::size_t>::max()) noexcept
      : capacity_(capacity),
        most_(most),
        floor_(std::max<std::size_t>(capacity / 256, 1)),
        held_(std::make_unique<Counts>()) {}

  /// False, and counted as a refusal, if the client can't have `amount` more.
  [[nodiscard]] bool take(ClientKey client, std::size_t amount = 1) noexcept {
    std::atomic<std::size_t>& held = count_of(client);
    const std::size_t own = held.fetch_add(amount, std::memory_order_relaxed) + amount;
    const std::size_t before = taken_.fetch_add(amount, std::memory_order_relaxed);
    const std::size_t free = capacity_ - std::min(before, capacity_);
    const std::size_t left = own <= floor_ ? free : free - std::min(free, capacity_ / 8);
    if (own <= std::min(left, most_) && amount <= free) return true;
    give_back(client, amount);
    refusals_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  void give_back(ClientKey client, std::size_t amount = 1) noexcept {
    count_of(client).fetch_sub(amount, std::memory_order_relaxed);
    taken_.fetch_sub(amount, std::memory_order_relaxed);
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::size_t taken() const noexcept {
    return taken_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t refusals() const noexcept {
    return refusals_.load(std::memory_order_relaxed);
  }

 private:
  static constexpr std::size_t kCounts = 1U << 14;
  using Counts = std::array<std::atomic<std::size_t>, kCounts>;

  [[nodiscard]] std::atomic<std::size_t>& count_of(ClientKey client) noexcept {
    return (*held_)[client.value % kCounts];
  }

  std::size_t capacity_;
  std::size_t most_;
  std::size_t floor_;
  std::unique_ptr<Counts> held_;
  std::atomic<std::size_t> taken_{0};
  std::atomic<std::uint64_t> refusals_{0};
};

}  // namespace nxgate
