// Building netlink messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace nxgate::netfilter {

/// Netlink messages one behind the other, with nested attributes (RFC 3549 section 2.2). Whatever
/// was begun is closed by the destructor of what `nest` gave, so no length is ever forgotten.
class Messages {
 public:
  /// A message in the making, or a nested attribute.
  class Open {
   public:
    ~Open();
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;

   private:
    friend class Messages;
    Open(Messages& messages, std::size_t start, bool message)
        : messages_(messages), start_(start), message_(message) {}

    Messages& messages_;
    std::size_t start_;
    bool message_;
  };

  /// Begins a message; `header` is what follows the netlink header (nfgenmsg, rtmsg).
  [[nodiscard]] Open message(std::uint16_t type, std::uint16_t flags, Bytes header);
  /// Has the last message begun, which must be whole, acknowledged. The kernel reports an error of
  /// any, so in a transaction one acknowledgement is enough.
  void acknowledge_last();
  [[nodiscard]] Open nest(std::uint16_t attribute);
  void put(std::uint16_t attribute, Bytes value);
  void put_text(std::uint16_t attribute, std::string_view text);   ///< with its zero byte
  void put_number(std::uint16_t attribute, std::uint32_t number);  ///< in network order

  [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }
  /// Of the last message that asked for an acknowledgement; 0 if none did.
  [[nodiscard]] std::uint32_t last_acknowledged() const noexcept { return acknowledged_; }

 private:
  void append(Bytes value);

  std::vector<std::uint8_t> bytes_;
  std::size_t last_ = 0;  ///< where the last message begins
  std::uint32_t sequence_ = 0;
  std::uint32_t acknowledged_ = 0;
};

/// A value as the kernel lays it out in memory.
template <class T>
[[nodiscard]] Bytes bytes_of(const T& value) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

}  // namespace nxgate::netfilter
