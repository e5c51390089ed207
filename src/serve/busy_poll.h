// Whether messages arrive so fast, for so long, that busy polling pays off.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/clock.h"

namespace nxgate::serve {

/// Measures the rate at one UDP socket. Busy polling is on once 64 messages have come within a
/// millisecond for 16 times in a row, so that no burst is taken for one, until 64 take more than
/// two, or none is there. One thread.
class BusyPoll {
 public:
  static constexpr std::size_t kMessages = 64;
  static constexpr Milliseconds kSoon{1};
  static constexpr Milliseconds kLate{2};
  static constexpr int kInARow = 16;

  /// Called for each batch; whether to poll busily.
  bool on(std::size_t count, Instant now) noexcept {
    if (count == 0) *this = {};
    counted_ += count;
    if (counted_ >= kMessages) {
      const bool is_fast = now - since_ < (is_on() ? kLate : kSoon);
      in_a_row_ = is_fast ? std::min(in_a_row_ + 1, kInARow) : 0;
      counted_ = 0;
      since_ = now;
    }
    return is_on();
  }

 private:
  [[nodiscard]] bool is_on() const noexcept { return in_a_row_ == kInARow; }

  std::size_t counted_ = 0;  ///< messages since `since_`
  Instant since_;
  int in_a_row_ = 0;
};

}  // namespace nxgate::serve
