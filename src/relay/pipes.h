// Pipes that bytes are moved through without being copied.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "sys/descriptor.h"

namespace nxgate::relay {

struct Pipe {
  sys::Descriptor out;
  sys::Descriptor in;
};

/// Empty pipes for whoever has bytes to move just now. One thread.
class PipePool {
 public:
  /// Nothing if the process has no more descriptors.
  [[nodiscard]] std::optional<Pipe> take();
  /// It must be empty.
  void give(Pipe pipe);

 private:
  static constexpr std::size_t kMostIdle = 64;
  std::vector<Pipe> idle_;
};

}  // namespace nxgate::relay
