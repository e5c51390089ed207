// Messages of connected UDP sockets, many at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>

#include "base/bytes.h"
#include "sys/message_buffers.h"

namespace nxgate::sys {

/// Buffers for what one recvmmsg brings, made once a worker and used for its connected sockets in
/// turn. One thread.
class Datagrams {
 public:
  static constexpr std::size_t kMessages = MessageBuffers::kMessages;

  Datagrams();
  ~Datagrams();
  Datagrams(const Datagrams&) = delete;
  Datagrams& operator=(const Datagrams&) = delete;

  /// Receives what is there, at most kMessages, without blocking: how many, or the errno of the
  /// socket, such as an ICMP error of the path, also one that a call before this ran into without
  /// saying so (sendmmsg, when a part had left). Nothing there is 0.
  [[nodiscard]] std::expected<std::size_t, int> receive(int socket) noexcept;

  [[nodiscard]] Bytes message(std::size_t index) const noexcept;

 private:
  struct Buffers;
  std::unique_ptr<Buffers> buffers_;
};

/// Sends at most Datagrams::kMessages by a connected socket without blocking: how many left, or the
/// errno if none did.
[[nodiscard]] std::expected<std::size_t, int> send_datagrams(
    int socket, std::span<const Bytes> messages) noexcept;

}  // namespace nxgate::sys
