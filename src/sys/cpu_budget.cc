#include "sys/cpu_budget.h"

#include <chrono>
#include <ctime>

namespace nxgate::sys {

bool CpuBudget::over() noexcept {
  constexpr unsigned kLooksAClock = 16;
  if (looks_++ % kLooksAClock == 0) over_ = over_ || used() >= end_;
  return over_;
}

std::chrono::nanoseconds CpuBudget::used() noexcept {
  timespec now{};
  (void)::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace nxgate::sys
