// Room for the messages of one system call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace nxgate::sys {

/// As many messages as a recvmmsg or sendmmsg takes, each of kMessageSize bytes. One thread.
class MessageBuffers {
 public:
  static constexpr std::size_t kMessages = 64;
  /// More than anybody may send who was offered wire::kLargestUdpSize; the rest is cut off.
  static constexpr std::size_t kMessageSize = 4096;

  [[nodiscard]] std::uint8_t* operator[](std::size_t index) const noexcept {
    return bytes_.get() + index * kStride;
  }

 private:
  /// Not a multiple of 4096, or the fronts of all messages would fight for one set of the L1 cache.
  static constexpr std::size_t kStride = kMessageSize + 128;

  // Not cleared: pages that no message reaches are never touched and cost no memory.
  std::unique_ptr<std::uint8_t[]> bytes_ =
      std::make_unique_for_overwrite<std::uint8_t[]>(kMessages * kStride);
};

}  // namespace nxgate::sys
