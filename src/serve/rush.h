// Whether messages come so fast that they are worth waiting for at their socket.
#pragma once

#include <cstddef>

#include "base/clock.h"

namespace nxgate::serve {

/// The rate at one UDP socket. A rush is on from 64 messages within a millisecond until 64 take
/// more than two, or none is there. One thread.
class Rush {
 public:
  static constexpr std::size_t kMessages = 64;
  static constexpr Milliseconds kSoon{1};
  static constexpr Milliseconds kLate{2};

  /// Called for each batch; whether a rush is on.
  bool on(std::size_t count, Instant now) noexcept {
    if (count == 0) {
      on_ = false;
      counted_ = 0;
      return false;
    }
    if (counted_ == 0) since_ = now;
    counted_ += count;
    if (counted_ < kMessages) return on_;
    on_ = now - since_ < (on_ ? kLate : kSoon);
    counted_ = 0;
    return on_;
  }

 private:
  bool on_ = false;
  std::size_t counted_ = 0;  ///< messages since `since_`
  Instant since_;
};

}  // namespace nxgate::serve
