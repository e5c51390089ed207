// Limits how long a thread may work on something.
#pragma once

#include <chrono>

#include "base/clock.h"

namespace nxgate::sys {

/// CPU time, so that the limit is the same on a busy machine. One thread.
class CpuBudget {
 public:
  explicit CpuBudget(Milliseconds most) noexcept : end_(used() + most) {}

  /// Whether it is used up; cheap, since the clock is read only occasionally.
  [[nodiscard]] bool over() noexcept;

 private:
  /// What this thread has used.
  [[nodiscard]] static std::chrono::nanoseconds used() noexcept;

  std::chrono::nanoseconds end_;
  unsigned looks_ = 0;
  bool over_ = false;
};

}  // namespace nxgate::sys
