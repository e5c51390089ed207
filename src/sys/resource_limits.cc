#include "sys/resource_limits.h"

#include <cstddef>
#include <cstdint>

#include <sys/resource.h>

#include "base/log.h"

namespace nxgate::sys {

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return SIZE_MAX;
  const rlimit before = limit;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) return limit.rlim_cur;
  log::warning("the limit on open files stays at {}; with many clients, connections may be refused",
               before.rlim_cur);
  return before.rlim_cur;
}

void raise_thread_limit() {
  const rlimit without_bound{RLIM_INFINITY, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_NPROC, &without_bound) == 0) return;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NPROC, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NPROC, &limit);
}

}  // namespace nxgate::sys
