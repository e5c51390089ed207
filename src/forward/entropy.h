// Random bytes for ids and letter case.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace nxgate::forward {

/// A CSPRNG's bytes, drawn from the kernel many at a time: one system call per question costs more
/// than the bytes. None is given out twice, and each is forgotten as it is given out. One thread.
class Entropy {
 public:
  Entropy() = default;
  ~Entropy();
  Entropy(const Entropy&) = delete;
  Entropy& operator=(const Entropy&) = delete;

  /// Fills `out`, at most kMost bytes.
  void fill(MutableBytes out) noexcept;

  static constexpr std::size_t kMost = 64;

 private:
  std::array<std::uint8_t, 4096> pool_;
  std::size_t left_ = 0;  ///< at the front of the pool
};

}  // namespace nxgate::forward
