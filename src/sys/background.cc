#include "sys/background.h"

#include <functional>
#include <future>

#include <sys/resource.h>
#include <unistd.h>

namespace nxgate::sys {

void at_low_priority(const std::function<void()>& work) {
  constexpr int kNice = 10;
  std::async(std::launch::async, [&work] {
    // On Linux it is the thread's alone. Without it the work is done all the same.
    static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice));
    work();
  }).get();
}

}  // namespace nxgate::sys
