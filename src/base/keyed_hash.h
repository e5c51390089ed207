// Hashes that nobody outside can predict.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace nxgate {

/// SipHash-2-4 under a random key: equal for equal bytes, and nobody without the key can choose
/// bytes that meet. Any thread.
class KeyedHash {
 public:
  /// Under a key of its own.
  KeyedHash() noexcept;

  [[nodiscard]] std::uint64_t operator()(Bytes bytes) const noexcept;
  [[nodiscard]] std::uint64_t operator()(std::string_view text) const noexcept {
    return (*this)(Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
  }

 private:
  static constexpr std::size_t kKeySize = 16;

  std::array<std::uint8_t, kKeySize> key_{};
};

/// The one of this process for whatever needs none of its own.
[[nodiscard]] const KeyedHash& process_hash() noexcept;

}  // namespace nxgate
