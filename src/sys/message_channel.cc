#include "sys/message_channel.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <system_error>
#include <utility>

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/error.h"
#include "sys/descriptor.h"

namespace nxgate::sys {
namespace {

/// Room for one descriptor beside a message.
struct alignas(cmsghdr) Control : std::array<char, CMSG_SPACE(sizeof(int))> {};

msghdr header_of(iovec& part) noexcept {
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  return header;
}

}  // namespace

Result<std::pair<MessageChannel, MessageChannel>> MessageChannel::pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail("cannot make a pair of sockets: " + std::generic_category().message(errno));
  }
  return std::pair(MessageChannel(Descriptor(ends[0])), MessageChannel(Descriptor(ends[1])));
}

bool MessageChannel::send(std::span<const std::byte> message,
                          const Descriptor* with) const noexcept {
  iovec part{const_cast<std::byte*>(message.data()), message.size()};
  msghdr header = header_of(part);
  Control control{};
  if (with != nullptr && *with) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* const first = CMSG_FIRSTHDR(&header);
    first->cmsg_level = SOL_SOCKET;
    first->cmsg_type = SCM_RIGHTS;
    const int number = with->get();
    first->cmsg_len = CMSG_LEN(sizeof number);
    std::memcpy(CMSG_DATA(first), &number, sizeof number);
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(end_.get(), &header, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

bool MessageChannel::receive(std::span<std::byte> message, Descriptor* with) const noexcept {
  iovec part{message.data(), message.size()};
  msghdr header = header_of(part);
  Control control{};
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t size = 0;
  do {
    size = ::recvmsg(end_.get(), &header, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return false;
  if (const cmsghdr* const first = CMSG_FIRSTHDR(&header);
      first != nullptr && first->cmsg_type == SCM_RIGHTS) {
    int number = -1;
    std::memcpy(&number, CMSG_DATA(first), sizeof number);
    Descriptor received(number);
    if (with != nullptr) *with = std::move(received);
  }
  return std::cmp_equal(size, message.size()) && (header.msg_flags & MSG_TRUNC) == 0;
}

}  // namespace nxgate::sys
