// The one way bytes of a message are read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace nxgate::wire {

/// A cursor over received bytes. Every length check stands here, before its read; after a read past
/// the end the cursor is failed for good and yields zeros, so a parser checks `ok` once at the end
/// of a structure rather than at each field. Never throws.
class Reader {
 public:
  explicit Reader(Bytes bytes, std::size_t offset = 0) noexcept
      : bytes_(bytes), offset_(offset), ok_(offset <= bytes.size()) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] std::size_t offset() const noexcept { return offset_; }
  [[nodiscard]] std::size_t remaining() const noexcept { return ok_ ? bytes_.size() - offset_ : 0; }

  std::uint8_t u8() noexcept { return take(1) ? bytes_[offset_ - 1] : std::uint8_t{0}; }

  std::uint16_t u16() noexcept {
    if (!take(2)) return 0;
    return static_cast<std::uint16_t>(bytes_[offset_ - 2] << 8 | bytes_[offset_ - 1]);
  }

  std::uint32_t u32() noexcept {
    const std::uint32_t high = u16();
    return high << 16 | u16();
  }

  /// So many of them, with one check for all.
  template <std::size_t kCount>
  std::array<std::uint16_t, kCount> u16s() noexcept {
    std::array<std::uint16_t, kCount> values{};
    if (!take(2 * kCount)) return values;
    const std::uint8_t* at = bytes_.data() + offset_ - 2 * kCount;
    for (std::uint16_t& value : values) {
      value = static_cast<std::uint16_t>(at[0] << 8 | at[1]);
      at += 2;
    }
    return values;
  }

  Bytes bytes(std::size_t count) noexcept {
    return take(count) ? bytes_.subspan(offset_ - count, count) : Bytes{};
  }

  void skip(std::size_t count) noexcept { take(count); }

 private:
  bool take(std::size_t count) noexcept {
    if (!ok_ || bytes_.size() - offset_ < count) {
      ok_ = false;
      return false;
    }
    offset_ += count;
    return true;
  }

  Bytes bytes_;
  std::size_t offset_;
  bool ok_;
};

}  // namespace nxgate::wire
