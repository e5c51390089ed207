// Detecting that more queries arrive than can be answered.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace nxgate::serve {

/// Detects the overload of one UDP socket.
///
/// It is overloaded when batch after batch was full for kPatience and the kernel had to drop
/// queries meanwhile: a burst that fits into the socket's buffer is never taken for one. From then
/// on full batches are to be answered in part only, while one that isn't full shows that the worker
/// keeps up. That ends when there was no full batch for kLinger. One thread.
class OverloadDetector {
 public:
  static constexpr Milliseconds kPatience{100};
  static constexpr Milliseconds kLinger{500};

  /// The socket was found empty.
  void caught_up() noexcept { behind_ = false; }

  /// Called for each batch; whether part of it should get no answer. `dropped` returns how
  /// many queries the kernel has dropped so far, and is seldom called.
  template <class Dropped>
  [[nodiscard]] bool sheds(bool full, Instant now, Dropped&& dropped) {
    if (!full) {
      behind_ = false;
      return false;
    }
    if (now < until_) {
      until_ = now + kLinger;
      return true;
    }
    if (behind_ && now - since_ < kPatience) return false;
    const std::uint32_t count = dropped();
    const bool overloaded = behind_ && count != dropped_;
    behind_ = true;
    since_ = now;
    dropped_ = count;
    if (overloaded) until_ = now + kLinger;
    return overloaded;
  }

 private:
  bool behind_ = false;  ///< every batch since `since_` was full
  Instant since_;
  std::uint32_t dropped_ = 0;  ///< at `since_`
  Instant until_;
};

}  // namespace nxgate::serve
