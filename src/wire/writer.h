// The one way bytes of a message are written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"

namespace nxgate::wire {

/// A cursor over a buffer to be sent. A write past the end writes nothing and fails the cursor for
/// good; the writer of a whole message checks `ok` once. Never throws.
class Writer {
 public:
  explicit Writer(MutableBytes buffer) noexcept : buffer_(buffer) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t room() const noexcept { return ok_ ? buffer_.size() - size_ : 0; }
  [[nodiscard]] Bytes written() const noexcept { return buffer_.first(size_); }

  void u8(std::uint8_t value) noexcept {
    if (take(1)) buffer_[size_ - 1] = value;
  }
  void u16(std::uint16_t value) noexcept {
    if (!take(2)) return;
    buffer_[size_ - 2] = static_cast<std::uint8_t>(value >> 8);
    buffer_[size_ - 1] = static_cast<std::uint8_t>(value);
  }
  void u32(std::uint32_t value) noexcept {
    u16(static_cast<std::uint16_t>(value >> 16));
    u16(static_cast<std::uint16_t>(value));
  }
  void bytes(Bytes value) noexcept {
    if (!value.empty() && take(value.size())) {
      std::memcpy(buffer_.data() + size_ - value.size(), value.data(), value.size());
    }
  }

  /// Leaves room for what is patched in later.
  void skip(std::size_t count) noexcept { take(count); }

  /// Overwrites bytes that were written before, such as a count or a length.
  void patch(std::size_t offset, Bytes value) noexcept {
    if (offset + value.size() > size_) return;
    std::memcpy(buffer_.data() + offset, value.data(), value.size());
  }
  void patch_u16(std::size_t offset, std::uint16_t value) noexcept {
    if (offset + 2 > size_) return;
    buffer_[offset] = static_cast<std::uint8_t>(value >> 8);
    buffer_[offset + 1] = static_cast<std::uint8_t>(value);
  }

  /// Takes back everything behind `size`, also a failed write there.
  void rewind(std::size_t size) noexcept {
    size_ = size;
    ok_ = true;
  }

 private:
  bool take(std::size_t count) noexcept {
    if (!ok_ || buffer_.size() - size_ < count) {
      ok_ = false;
      return false;
    }
    size_ += count;
    return true;
  }

  MutableBytes buffer_;
  std::size_t size_ = 0;
  bool ok_ = true;
};

}  // namespace nxgate::wire
