// Messages of fixed size, and descriptors, between two processes of ours.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "sys/descriptor.h"

namespace nxgate::sys {

/// One end of a pair of connected sockets that keep messages apart (SOCK_SEQPACKET). A message is a
/// trivially copyable value, with which one descriptor may go. It waits, and goes on after a
/// signal. One thread at a time.
class MessageChannel {
 public:
  /// Both ends.
  [[nodiscard]] static Result<std::pair<MessageChannel, MessageChannel>> pair();

  /// False if the other end is gone.
  template <class Message>
    requires std::is_trivially_copyable_v<Message>
  [[nodiscard]] bool send(const Message& message, const Descriptor* with = nullptr) const noexcept {
    return send(std::as_bytes(std::span(&message, 1)), with);
  }

  /// Nothing if the other end is gone or what came isn't of this size. A descriptor that came with
  /// it goes to `with`, or is closed.
  template <class Message>
    requires std::is_trivially_copyable_v<Message>
  [[nodiscard]] std::optional<Message> receive(Descriptor* with = nullptr) const noexcept {
    Message message{};
    if (!receive(std::as_writable_bytes(std::span(&message, 1)), with)) return std::nullopt;
    return message;
  }

  /// So that the other end notices.
  void close() noexcept { end_ = Descriptor(); }
  [[nodiscard]] const Descriptor& descriptor() const noexcept { return end_; }

 private:
  explicit MessageChannel(Descriptor end) noexcept : end_(std::move(end)) {}

  [[nodiscard]] bool send(std::span<const std::byte> message,
                          const Descriptor* with) const noexcept;
  [[nodiscard]] bool receive(std::span<std::byte> message, Descriptor* with) const noexcept;

  Descriptor end_;
};

}  // namespace nxgate::sys
