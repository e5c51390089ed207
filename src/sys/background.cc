#include "sys/background.h"

#include <cstdint>
#include <functional>
#include <future>
#include <system_error>

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nxgate::sys {
namespace {

/// As the kernel's sched_attr, of which glibc 2.36 knows nothing.
struct Scheduling {
  std::uint32_t size = sizeof(Scheduling);
  std::uint32_t policy = SCHED_OTHER;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t slice = 0;  ///< in nanoseconds
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

/// As little as the machine gives, and in turns so short that a worker which wakes up doesn't wait
/// for the end of one.
constexpr Scheduling kLow{.policy = SCHED_BATCH, .nice = 19, .slice = 100'000};

}  // namespace

bool at_low_priority(const std::function<void()>& work) {
  std::future<void> done;
  try {
    done = std::async(std::launch::async, [&work] {
      // It is the thread's alone. Without it the work is done all the same.
      static_cast<void>(::syscall(SYS_sched_setattr, 0, &kLow, 0));
      work();
    });
  } catch (const std::system_error&) {
    work();
    return false;
  }
  done.get();
  return true;
}

}  // namespace nxgate::sys
