#include "relay/pipes.h"

#include <array>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "sys/descriptor.h"

namespace nxgate::relay {
namespace {

/// As much as a user without rights may have of one pipe; with many of them the kernel gives less.
constexpr int kCapacity = 1 << 20;

}  // namespace

std::optional<Pipe> PipePool::take() {
  if (!idle_.empty()) {
    Pipe pipe = std::move(idle_.back());
    idle_.pop_back();
    return pipe;
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return std::nullopt;
  Pipe pipe{sys::Descriptor(ends[0]), sys::Descriptor(ends[1])};
  (void)::fcntl(pipe.in.get(), F_SETPIPE_SZ, kCapacity);
  return pipe;
}

void PipePool::give(Pipe pipe) {
  if (idle_.size() < kMostIdle) idle_.push_back(std::move(pipe));
}

}  // namespace nxgate::relay
