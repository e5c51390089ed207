#include "sys/inherited.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <poll.h>
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

void fill_streams() {
  for (const int each : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // The lowest number that is free.
    if (::fcntl(each, F_GETFD) == -1) (void)::open("/dev/null", O_RDWR);
  }
}

bool tell(std::string_view line) noexcept {
  constexpr int kWait = 20;
  pollfd stream{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (::poll(&stream, 1, kWait) != 1 || (stream.revents & POLLOUT) == 0) return false;
  return ::write(STDERR_FILENO, line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

}  // namespace nxgate::sys
