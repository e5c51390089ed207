// Receiving and sending UDP messages many at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "sys/message_buffers.h"

namespace nxgate::sys {

/// Room for one IP_PKTINFO or IPV6_PKTINFO.
inline constexpr std::size_t kControlSize = CMSG_SPACE(sizeof(in6_pktinfo));

/// How the messages of a batch are exchanged with the system, in the way of the calls of the same
/// names.
struct UdpCalls {
  int (*receive)(int socket, mmsghdr* messages, unsigned count, int flags);  ///< recvmmsg(2)
  int (*send)(int socket, mmsghdr* messages, unsigned count, int flags);     ///< sendmmsg(2)
};

/// By the kernel's sockets.
extern const UdpCalls kSocketCalls;

/// Buffers for one recvmmsg and the sendmmsg that answers it; made once a worker and used for its
/// sockets in turn.
///
/// A reply leaves from the address that was asked: on a wildcard socket the pktinfo of the request
/// is turned around; a socket bound to one address needs none, and is spared the cost. One thread.
class UdpBatch {
 public:
  /// Whether to wait until something is there, as long as the socket permits (let_receives_wait).
  enum class Waits : bool { kNot, kForOne };

  static constexpr std::size_t kMessages = MessageBuffers::kMessages;
  /// A query is small; one that is cut off at this size is malformed anyway.
  static constexpr std::size_t kMessageSize = MessageBuffers::kMessageSize;

  /// `calls` must outlive it.
  explicit UdpBatch(const UdpCalls& calls = kSocketCalls);
  ~UdpBatch();
  UdpBatch(const UdpBatch&) = delete;
  UdpBatch& operator=(const UdpBatch&) = delete;

  /// Receives what is there, at most kMessages; returns how many, 0 when nothing is there or on an
  /// error that belongs to no message (ECONNREFUSED of an earlier reply). `wildcard` says whether
  /// the socket delivers pktinfo. Blocks only with kForOne. Replies not flushed are forgotten.
  [[nodiscard]] std::size_t receive(int socket, bool wildcard = true,
                                    Waits waits = Waits::kNot) noexcept;

  [[nodiscard]] Bytes message(std::size_t index) const noexcept;
  [[nodiscard]] const sockaddr_storage& client(std::size_t index) const noexcept;

  /// Where the reply to message `index` is written (kMessageSize bytes); `reply` then queues `size`
  /// of them for sending, at most once a message.
  [[nodiscard]] MutableBytes reply_buffer(std::size_t index) noexcept;
  void reply(std::size_t index, std::size_t size) noexcept;

  /// Sends all queued replies: resumes after a short sendmmsg, skips a message that the kernel
  /// refuses, and waits a moment on a full buffer before it drops the rest. Once one is too large
  /// for the way to its client the socket sends fragments. Returns how many left.
  std::size_t flush(int socket) noexcept;

  /// Where a reply that comes later has to go; copied out of the batch.
  struct ReturnPath {
    sockaddr_storage client{};
    socklen_t client_length = 0;
    alignas(cmsghdr) unsigned char control[kControlSize]{};
    std::size_t control_length = 0;
  };
  [[nodiscard]] ReturnPath return_path(std::size_t index) const noexcept;

 private:
  struct Buffers;
  const UdpCalls& calls_;
  std::unique_ptr<Buffers> buffers_;
};

/// Late replies of one socket, which leave by one sendmmsg. One thread.
class UdpReplies {
 public:
  explicit UdpReplies(const UdpCalls& calls = kSocketCalls);
  ~UdpReplies();
  UdpReplies(const UdpReplies&) = delete;
  UdpReplies& operator=(const UdpReplies&) = delete;

  [[nodiscard]] bool empty() const noexcept;
  [[nodiscard]] bool full() const noexcept;
  /// Copies `message`, of at most UdpBatch::kMessageSize bytes; it must not be full.
  void add(const UdpBatch::ReturnPath& path, Bytes message) noexcept;
  /// Sends all of them as UdpBatch::flush does, and is empty then.
  void flush(int socket) noexcept;

 private:
  struct Buffers;
  const UdpCalls& calls_;
  std::unique_ptr<Buffers> buffers_;
};

}  // namespace nxgate::sys
