// Receiving and sending UDP messages many at a time.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/bytes.h"

namespace nxgate::sys {

/// Buffers for one recvmmsg and the sendmmsg that answers it; made once a worker.
///
/// A reply leaves from the address that was asked, through the interface it came in by: the pktinfo
/// of the request is turned around. One thread.
class UdpBatch {
 public:
  static constexpr std::size_t kMessages = 64;
  /// A query is small; one that is cut off at this size is malformed anyway.
  static constexpr std::size_t kMessageSize = 4096;

  UdpBatch();
  ~UdpBatch();
  UdpBatch(const UdpBatch&) = delete;
  UdpBatch& operator=(const UdpBatch&) = delete;

  /// Receives what is there, at most kMessages, without blocking; returns how many, 0 when nothing
  /// is there or on an error that belongs to no message (ECONNREFUSED of an earlier reply).
  [[nodiscard]] std::size_t receive(int socket) noexcept;

  [[nodiscard]] Bytes message(std::size_t index) const noexcept;
  [[nodiscard]] const sockaddr_storage& client(std::size_t index) const noexcept;

  /// Where the reply to message `index` is written (kMessageSize bytes); `reply` then queues `size`
  /// of them for sending.
  [[nodiscard]] MutableBytes reply_buffer(std::size_t index) noexcept;
  void reply(std::size_t index, std::size_t size) noexcept;

  /// Sends all queued replies: resumes after a short sendmmsg, skips a message that the kernel
  /// refuses, and waits a moment on a full buffer before it drops the rest. Returns how many left.
  std::size_t flush(int socket) noexcept;

  /// Where a reply that comes later has to go; copied out of the batch.
  struct ReturnPath {
    sockaddr_storage client{};
    socklen_t client_length = 0;
    alignas(cmsghdr) unsigned char control[64]{};
    std::size_t control_length = 0;
  };
  [[nodiscard]] ReturnPath return_path(std::size_t index) const noexcept;

 private:
  struct Buffers;
  std::unique_ptr<Buffers> buffers_;
};

/// Sends one late reply; a failure is final, the client asks again.
void send_late(int socket, const UdpBatch::ReturnPath& path, Bytes message) noexcept;

}  // namespace nxgate::sys
