#include "sys/inherited.h"

#include <algorithm>
#include <span>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "sys/descriptor.h"

namespace nxgate::sys {

void close_all_but(std::vector<int> kept) {
  std::ranges::sort(kept);
  int next = 0;
  for (const int each : kept) {
    if (each > next) {
      (void)::close_range(static_cast<unsigned>(next), static_cast<unsigned>(each - 1), 0);
    }
    next = std::max(next, each + 1);
  }
  (void)::close_range(static_cast<unsigned>(next), ~0U, 0);
}

void lead_nowhere(std::span<const int> streams) {
  const Descriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int each : streams) (void)::dup2(nothing.get(), each);
}

}  // namespace nxgate::sys
