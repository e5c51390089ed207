// Netlink sockets: opening one in a network namespace, and sending by it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <system_error>
#include <utility>

#include "base/bytes.h"
#include "base/error.h"
#include "sys/descriptor.h"
#include "sys/netns.h"

namespace nxgate::sys {

/// As many octets as are sent at once; memory is taken only while they are on their way.
constexpr std::size_t kLargestBatch = 32UL << 20;

/// A socket of NETLINK_NETFILTER or NETLINK_ROUTE that belongs to a namespace, whatever the process
/// that uses it. Reading from it takes no right. Where there is a broker, it has the socket as
/// well, until this is destroyed. Any thread.
class NetlinkSocket {
 public:
  NetlinkSocket() = default;
  explicit NetlinkSocket(Descriptor socket, std::uint64_t number = 0) noexcept
      : socket_(std::move(socket)), number_(number) {}
  NetlinkSocket(NetlinkSocket&& other) noexcept
      : socket_(std::move(other.socket_)), number_(std::exchange(other.number_, 0)) {}
  NetlinkSocket& operator=(NetlinkSocket&& other) noexcept {
    std::swap(socket_, other.socket_);
    std::swap(number_, other.number_);
    return *this;
  }
  ~NetlinkSocket();

  [[nodiscard]] int get() const noexcept { return socket_.get(); }
  /// What the broker (broker.h) knows it by; 0 without one.
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }

 private:
  Descriptor socket_;
  std::uint64_t number_ = 0;
};

[[nodiscard]] Result<NetlinkSocket> open_netlink(int protocol, const NetnsRef& netns);

/// Who waits for what is sent. An answer to a client doesn't wait until all else has been done.
enum class Waiting : std::uint8_t { kNobody = 0, kClient };

/// Sends messages to the kernel, which has done what they ask for when this returns, and whose
/// answers can be read then. Takes CAP_NET_ADMIN of whoever opened the socket and of whoever sends:
/// where there is a broker, it sends, and refuses with EPERM what changes more than nxgate's own
/// tables and routes. Any thread.
[[nodiscard]] std::error_code send_netlink(const NetlinkSocket& socket, Bytes messages,
                                           Waiting waiting = Waiting::kNobody);

}  // namespace nxgate::sys
