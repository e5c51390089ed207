// How long a thread may go on with something.
#pragma once

#include <chrono>

#include "base/clock.h"

namespace nxgate::sys {

/// Time of the processor, so that it lasts as far on a machine that is busy with other things. One
/// thread.
class CpuBudget {
 public:
  explicit CpuBudget(Milliseconds most) noexcept : end_(used() + most) {}

  /// Whether it is used up; cheap, for the clock is read once in a while.
  [[nodiscard]] bool over() noexcept;

 private:
  /// What this thread has used.
  [[nodiscard]] static std::chrono::nanoseconds used() noexcept;

  std::chrono::nanoseconds end_;
  unsigned looks_ = 0;
  bool over_ = false;
};

}  // namespace nxgate::sys
