#include "sys/udp_batch.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/bytes.h"

namespace nxgate::sys {
namespace {

/// How often flush waits for a full send buffer, a millisecond each time.
constexpr int kMostWaits = 10;

/// Turns the pktinfo of a request into that of its reply; returns the length to send, 0 for none.
///
/// The interface stays out of it, so that the reply follows the routing table, except where an
/// address means nothing without its interface (RFC 4007).
std::size_t turn_around(msghdr& message) noexcept {
  cmsghdr* info = CMSG_FIRSTHDR(&message);
  if (info == nullptr) return 0;
  if (info->cmsg_level == IPPROTO_IP && info->cmsg_type == IP_PKTINFO) {
    in_pktinfo value{};
    std::memcpy(&value, CMSG_DATA(info), sizeof value);
    value.ipi_spec_dst = value.ipi_addr;
    const bool link_local = (ntohl(value.ipi_addr.s_addr) >> 16) == 0xa9fe;  // 169.254.0.0/16
    if (!link_local) value.ipi_ifindex = 0;
    std::memcpy(CMSG_DATA(info), &value, sizeof value);
    return CMSG_SPACE(sizeof value);
  }
  if (info->cmsg_level == IPPROTO_IPV6 && info->cmsg_type == IPV6_PKTINFO) {
    in6_pktinfo value{};
    std::memcpy(&value, CMSG_DATA(info), sizeof value);
    if (!IN6_IS_ADDR_LINKLOCAL(&value.ipi6_addr)) value.ipi6_ifindex = 0;
    std::memcpy(CMSG_DATA(info), &value, sizeof value);
    return CMSG_SPACE(sizeof value);
  }
  return 0;
}

/// Has the kernel cut what is too large for the way to its client, from now on; false if it does.
bool permit_fragments(int socket) noexcept {
  int now = 0;
  socklen_t size = sizeof now;
  if (::getsockopt(socket, IPPROTO_IP, IP_MTU_DISCOVER, &now, &size) != 0) return false;
  const int wanted = IP_PMTUDISC_WANT;
  return now == IP_PMTUDISC_DO &&
         ::setsockopt(socket, IPPROTO_IP, IP_MTU_DISCOVER, &wanted, sizeof wanted) == 0;
}

/// Resumes after a short sendmmsg; returns how many left.
std::size_t send_all(const UdpCalls& calls, int socket, std::span<mmsghdr> messages) noexcept {
  std::size_t done = 0;
  std::size_t sent = 0;
  int waits = 0;
  while (done < messages.size()) {
    const int count =
        calls.send(socket, &messages[done], static_cast<unsigned>(messages.size() - done),
                   MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) {
      done += static_cast<std::size_t>(count);
      sent += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN || errno == ENOBUFS) {
      if (++waits > kMostWaits) break;
      // With ENOBUFS it is the device's queue that is full; the socket would look writable at once.
      pollfd writable{.fd = socket, .events = POLLOUT, .revents = 0};
      ::poll(&writable, errno == EAGAIN ? 1 : 0, 1);
    } else if (errno != EINTR && !(errno == EMSGSIZE && permit_fragments(socket))) {
      ++done;  // this one can't be sent: EINVAL, EPERM, ENETUNREACH
    }
  }
  return sent;
}

}  // namespace

constinit const UdpCalls kSocketCalls{
    .receive = [](int socket, mmsghdr* messages, unsigned count,
                  int flags) { return ::recvmmsg(socket, messages, count, flags, nullptr); },
    .send = [](int socket, mmsghdr* messages, unsigned count,
               int flags) { return ::sendmmsg(socket, messages, count, flags); },
};

/// The headers point into the arrays for good; per batch only what the kernel or a reply changed is
/// written again.
struct UdpBatch::Buffers {
  struct alignas(cmsghdr) Control {
    unsigned char bytes[kControlSize];
  };

  std::array<mmsghdr, kMessages> in{};
  std::array<mmsghdr, kMessages> out{};
  std::array<iovec, kMessages> in_parts{};
  std::array<iovec, kMessages> out_parts{};
  std::array<sockaddr_storage, kMessages> clients{};
  std::array<Control, kMessages> controls{};
  MessageBuffers requests;
  MessageBuffers replies;
  std::size_t received = 0;
  std::size_t queued = 0;
  bool wildcard = false;

  Buffers() noexcept {
    for (std::size_t i = 0; i < kMessages; ++i) {
      in_parts[i] = {.iov_base = requests[i], .iov_len = kMessageSize};
      in[i].msg_hdr.msg_iov = &in_parts[i];
      in[i].msg_hdr.msg_iovlen = 1;
      in[i].msg_hdr.msg_name = &clients[i];
      in[i].msg_hdr.msg_namelen = sizeof clients[i];
      out[i].msg_hdr.msg_iov = &out_parts[i];
      out[i].msg_hdr.msg_iovlen = 1;
    }
  }

  /// Undoes what the last batch did to the headers.
  void reset(bool with_pktinfo) noexcept {
    const std::size_t touched = with_pktinfo == wildcard ? received : kMessages;
    for (std::size_t i = 0; i < touched; ++i) {
      in[i].msg_hdr.msg_namelen = sizeof clients[i];
      in[i].msg_hdr.msg_control = with_pktinfo ? &controls[i] : nullptr;
      in[i].msg_hdr.msg_controllen = with_pktinfo ? sizeof controls[i] : 0;
    }
    wildcard = with_pktinfo;
  }
};

UdpBatch::UdpBatch(const UdpCalls& calls) : calls_(calls), buffers_(std::make_unique<Buffers>()) {}
UdpBatch::~UdpBatch() = default;

std::size_t UdpBatch::receive(int socket, bool wildcard, Waits waits) noexcept {
  Buffers& b = *buffers_;
  b.reset(wildcard);
  b.queued = 0;
  const int flags = waits == Waits::kForOne ? MSG_WAITFORONE : MSG_DONTWAIT;
  const int count = calls_.receive(socket, b.in.data(), kMessages, flags);
  b.received = count > 0 ? static_cast<std::size_t>(count) : 0;
  if (wildcard) {
    for (std::size_t i = 0; i < b.received; ++i) {
      b.in[i].msg_hdr.msg_controllen = turn_around(b.in[i].msg_hdr);
    }
  }
  return b.received;
}

Bytes UdpBatch::message(std::size_t index) const noexcept {
  return {buffers_->requests[index], buffers_->in[index].msg_len};
}

const sockaddr_storage& UdpBatch::client(std::size_t index) const noexcept {
  return buffers_->clients[index];
}

MutableBytes UdpBatch::reply_buffer(std::size_t index) noexcept {
  return {buffers_->replies[index], kMessageSize};
}

void UdpBatch::reply(std::size_t index, std::size_t size) noexcept {
  Buffers& b = *buffers_;
  const msghdr& request = b.in[index].msg_hdr;
  msghdr& answer = b.out[b.queued].msg_hdr;
  b.out_parts[b.queued] = {.iov_base = b.replies[index], .iov_len = size};
  answer.msg_name = request.msg_name;
  answer.msg_namelen = request.msg_namelen;
  answer.msg_control = request.msg_controllen == 0 ? nullptr : request.msg_control;
  answer.msg_controllen = request.msg_controllen;
  ++b.queued;
}

std::size_t UdpBatch::flush(int socket) noexcept {
  return send_all(calls_, socket,
                  std::span(buffers_->out).first(std::exchange(buffers_->queued, 0)));
}

UdpBatch::ReturnPath UdpBatch::return_path(std::size_t index) const noexcept {
  const msghdr& request = buffers_->in[index].msg_hdr;
  ReturnPath path;
  path.client_length = request.msg_namelen;
  path.control_length = request.msg_controllen;
  std::memcpy(&path.client, request.msg_name, request.msg_namelen);
  if (path.control_length != 0) {
    std::memcpy(path.control, request.msg_control, path.control_length);
  }
  return path;
}

struct UdpReplies::Buffers {
  std::array<mmsghdr, UdpBatch::kMessages> headers;
  std::array<iovec, UdpBatch::kMessages> parts;
  std::array<UdpBatch::ReturnPath, UdpBatch::kMessages> paths;
  MessageBuffers bytes;
  std::size_t count = 0;
};

UdpReplies::UdpReplies(const UdpCalls& calls)
    : calls_(calls), buffers_(std::make_unique<Buffers>()) {}
UdpReplies::~UdpReplies() = default;

bool UdpReplies::empty() const noexcept { return buffers_->count == 0; }
bool UdpReplies::full() const noexcept { return buffers_->count == UdpBatch::kMessages; }

void UdpReplies::add(const UdpBatch::ReturnPath& path, Bytes message) noexcept {
  const std::size_t index = buffers_->count++;
  UdpBatch::ReturnPath& to = buffers_->paths[index];
  to = path;
  std::uint8_t* const bytes = buffers_->bytes[index];
  std::memcpy(bytes, message.data(), message.size());
  buffers_->parts[index] = {.iov_base = bytes, .iov_len = message.size()};
  buffers_->headers[index] = {
      .msg_hdr = {.msg_name = &to.client,
                  .msg_namelen = to.client_length,
                  .msg_iov = &buffers_->parts[index],
                  .msg_iovlen = 1,
                  .msg_control = to.control_length == 0 ? nullptr : to.control,
                  .msg_controllen = to.control_length},
      .msg_len = 0};
}

void UdpReplies::flush(int socket) noexcept {
  send_all(calls_, socket, std::span(buffers_->headers).first(std::exchange(buffers_->count, 0)));
}

}  // namespace nxgate::sys
