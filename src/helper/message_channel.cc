#include "helper/message_channel.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/bytes.h"
#include "base/error.h"
#include "sys/descriptor.h"
#include "sys/socket.h"

namespace nxgate::helper {
namespace {

constexpr std::size_t kMost = MessageChannel::kMostDescriptors;

/// Room for descriptors beside a message.
struct alignas(cmsghdr) Control : std::array<char, CMSG_SPACE(kMost * sizeof(int))> {};

msghdr header_of(std::array<iovec, 2>& parts) noexcept {
  msghdr header{};
  header.msg_iov = parts.data();
  header.msg_iovlen = parts.size();
  return header;
}

bool is_passing(int error) noexcept { return error == EINTR || error == EAGAIN; }

}  // namespace

Result<std::pair<MessageChannel, MessageChannel>> MessageChannel::pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail("cannot create a pair of sockets: " + std::generic_category().message(errno));
  }
  return std::pair(MessageChannel(sys::Descriptor(ends[0])),
                   MessageChannel(sys::Descriptor(ends[1])));
}

void MessageChannel::shut() const noexcept { (void)::shutdown(end_.get(), SHUT_RDWR); }

bool MessageChannel::wait_for(short events) const noexcept {
  if (waits_ == 0) return true;
  pollfd one{.fd = end_.get(), .events = events, .revents = 0};
  for (int waits = 0; waits < waits_; ++waits) {
    const int ready = ::poll(&one, 1, static_cast<int>(kWait.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
  return false;
}

std::error_code MessageChannel::send(Bytes message, Bytes behind,
                                     std::span<const sys::Descriptor> with) const noexcept {
  std::array<iovec, 2> parts{{{const_cast<std::uint8_t*>(message.data()), message.size()},
                              {const_cast<std::uint8_t*>(behind.data()), behind.size()}}};
  msghdr header = header_of(parts);
  Control control{};
  if (!with.empty()) {
    std::array<int, kMost> numbers{};
    const std::size_t size = std::min(with.size(), kMost) * sizeof(int);
    std::ranges::transform(with.first(size / sizeof(int)), numbers.begin(), &sys::Descriptor::get);
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(size);
    cmsghdr* const first = CMSG_FIRSTHDR(&header);
    first->cmsg_level = SOL_SOCKET;
    first->cmsg_type = SCM_RIGHTS;
    first->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(first), numbers.data(), size);
  }
  // There nearly always is room.
  ssize_t sent = ::sendmsg(end_.get(), &header, MSG_NOSIGNAL | flags());
  while (sent < 0 && is_passing(errno)) {
    if (!wait_for(POLLOUT)) return std::make_error_code(std::errc::timed_out);
    sent = ::sendmsg(end_.get(), &header, MSG_NOSIGNAL | flags());
  }
  return sent < 0 ? std::error_code(errno, std::system_category()) : std::error_code();
}

bool MessageChannel::receive(MutableBytes message, MutableBytes& behind,
                             std::vector<sys::Descriptor>* with) const {
  std::array<iovec, 2> parts{{{message.data(), message.size()}, {behind.data(), behind.size()}}};
  msghdr header = header_of(parts);
  Control control{};
  header.msg_control = control.data();
  header.msg_controllen = CMSG_LEN(kMost * sizeof(int));
  ssize_t size = 0;
  do {
    if (!wait_for(POLLIN)) return false;
    size = ::recvmsg(end_.get(), &header, MSG_CMSG_CLOEXEC | flags());
  } while (size < 0 && is_passing(errno));
  if (size < 0) return false;
  if (const cmsghdr* const first = CMSG_FIRSTHDR(&header);
      first != nullptr && first->cmsg_type == SCM_RIGHTS) {
    std::array<int, kMost> numbers{};
    const std::size_t octets = std::min<std::size_t>(first->cmsg_len - CMSG_LEN(0), sizeof numbers);
    std::memcpy(numbers.data(), CMSG_DATA(first), octets);
    for (const int number : std::span(numbers).first(octets / sizeof(int))) {
      sys::Descriptor received(number);
      if (with != nullptr) with->push_back(std::move(received));
    }
  }
  if (std::cmp_less(size, message.size()) || (header.msg_flags & MSG_TRUNC) != 0) return false;
  behind = behind.first(static_cast<std::size_t>(size) - message.size());
  return true;
}

std::error_code send_once_there_is_room(const std::function<std::error_code()>& send) {
  constexpr int kTries = 100;
  constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 10'000'000};
  std::error_code error = send();
  for (int tries = 1; tries < kTries && sys::is_local_lack(error.value()); ++tries) {
    (void)::nanosleep(&kPause, nullptr);
    error = send();
  }
  return error;
}

}  // namespace nxgate::helper
