#include "sys/datagrams.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <memory>
#include <span>

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/bytes.h"

namespace nxgate::sys {
namespace {

/// Takes the oldest message of ICMP from the socket's error queue (IP_RECVERR), which keeps the
/// socket ready for reading: its errno, or 0 if there is none.
int take_path_error(int socket) noexcept {
  alignas(cmsghdr) std::array<std::uint8_t, 512> control;
  msghdr message{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(socket, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return 0;
  for (const cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, const_cast<cmsghdr*>(part))) {
    const bool v4 = part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR;
    const bool v6 = part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR;
    if (!v4 && !v6) continue;
    sock_extended_err error;
    std::memcpy(&error, CMSG_DATA(part), sizeof error);
    return static_cast<int>(error.ee_errno);
  }
  return 0;
}

}  // namespace

struct Datagrams::Buffers {
  std::array<mmsghdr, kMessages> headers{};
  std::array<iovec, kMessages> parts{};
  MessageBuffers bytes;

  Buffers() noexcept {
    for (std::size_t i = 0; i < kMessages; ++i) {
      parts[i] = {.iov_base = bytes[i], .iov_len = MessageBuffers::kMessageSize};
      headers[i].msg_hdr.msg_iov = &parts[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
  }
};

Datagrams::Datagrams() : buffers_(std::make_unique<Buffers>()) {}
Datagrams::~Datagrams() = default;

std::expected<std::size_t, int> Datagrams::receive(int socket) noexcept {
  const int count = ::recvmmsg(socket, buffers_->headers.data(), kMessages, MSG_DONTWAIT, nullptr);
  if (count >= 0) return static_cast<std::size_t>(count);
  if (errno != EAGAIN && errno != EINTR) return std::unexpected(errno);
  if (const int error = take_path_error(socket); error != 0) return std::unexpected(error);
  return 0;
}

Bytes Datagrams::message(std::size_t index) const noexcept {
  return {buffers_->bytes[index], buffers_->headers[index].msg_len};
}

std::expected<std::size_t, int> send_datagrams(int socket,
                                               std::span<const Bytes> messages) noexcept {
  std::array<mmsghdr, Datagrams::kMessages> headers;
  std::array<iovec, Datagrams::kMessages> parts;
  const std::size_t count = std::min(messages.size(), headers.size());
  for (std::size_t i = 0; i < count; ++i) {
    parts[i] = {.iov_base = const_cast<std::uint8_t*>(messages[i].data()),
                .iov_len = messages[i].size()};
    headers[i] = {.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}, .msg_len = 0};
  }
  while (true) {
    const int sent = ::sendmmsg(socket, headers.data(), static_cast<unsigned>(count),
                                MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (errno != EINTR) return std::unexpected(errno);
  }
}

}  // namespace nxgate::sys
