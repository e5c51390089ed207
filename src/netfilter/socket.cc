#include "netfilter/socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <functional>
#include <string>
#include <system_error>
#include <utility>

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netlink.h>

#include "base/bytes.h"
#include "base/error.h"
#include "netfilter/messages.h"
#include "sys/netlink.h"
#include "sys/netns.h"

namespace nxgate::netfilter {
namespace {

constexpr std::size_t kLargestRead = 1 << 16;

/// The code of an NLMSG_ERROR, which is 0 for an acknowledgement.
int error_in(Bytes body) noexcept {
  std::int32_t code = 0;
  if (body.size() >= sizeof code) std::memcpy(&code, body.data(), sizeof code);
  return -code;
}

}  // namespace

Result<Socket> Socket::open(int protocol, const sys::NetnsRef& netns) {
  auto socket = sys::open_netlink(protocol, netns);
  if (!socket) return std::unexpected(socket.error());
  return Socket(*std::move(socket));
}

bool Socket::is_down(const std::string& link) const {
  ifreq request{};
  link.copy(request.ifr_name, sizeof request.ifr_name - 1);
  if (::ioctl(socket_.get(), SIOCGIFFLAGS, &request) != 0) return false;
  return (request.ifr_flags & IFF_UP) == 0;
}

/// Passes on type, sequence number and body of each message until `each` has had enough.
std::error_code Socket::receive(
    const std::function<bool(std::uint16_t, std::uint32_t, Bytes)>& each) {
  alignas(nlmsghdr) std::array<std::uint8_t, kLargestRead> buffer;
  while (true) {
    const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_error(errno == EAGAIN ? ETIMEDOUT : errno);
    Bytes left = Bytes(buffer).first(static_cast<std::size_t>(size));
    while (left.size() >= sizeof(nlmsghdr)) {
      nlmsghdr head{};
      std::memcpy(&head, left.data(), sizeof head);
      if (head.nlmsg_len < sizeof head || head.nlmsg_len > left.size()) break;
      const Bytes body = left.first(head.nlmsg_len).subspan(sizeof head);
      if (!each(head.nlmsg_type, head.nlmsg_seq, body)) return {};
      left = left.subspan(std::min<std::size_t>(NLMSG_ALIGN(head.nlmsg_len), left.size()));
    }
  }
}

std::error_code Socket::transact(const Messages& messages, sys::Waiting waiting) {
  if (const auto error = sys::send_netlink(socket_, messages.bytes(), waiting)) return error;
  const std::uint32_t last = messages.last_acknowledged();
  int first_error = 0;
  const auto error = receive([&](std::uint16_t type, std::uint32_t sequence, Bytes body) {
    if (type != NLMSG_ERROR) return true;
    first_error = error_in(body);
    return first_error == 0 && sequence != last;
  });
  if (error) return error;
  if (first_error == 0) return {};
  // The kernel has said all it has to say about this batch; none of it is for the next one.
  std::array<std::uint8_t, kLargestRead> rest;
  while (::recv(socket_.get(), rest.data(), rest.size(), MSG_DONTWAIT) > 0) {
  }
  return system_error(first_error);
}

std::error_code Socket::dump(const Messages& request,
                             const std::function<void(std::uint16_t, Bytes)>& each) {
  if (const auto error = sys::send_netlink(socket_, request.bytes())) return error;
  int failure = 0;
  const auto error = receive([&](std::uint16_t type, std::uint32_t, Bytes body) {
    if (type == NLMSG_DONE) return false;
    if (type == NLMSG_ERROR) {
      failure = error_in(body);
      return false;
    }
    each(type, body);
    return true;
  });
  return failure == 0 ? error : system_error(failure);
}

void for_each_attribute(Bytes body, const std::function<void(std::uint16_t, Bytes)>& each) {
  while (body.size() >= sizeof(nlattr)) {
    nlattr head{};
    std::memcpy(&head, body.data(), sizeof head);
    if (head.nla_len < sizeof head || head.nla_len > body.size()) return;
    each(head.nla_type & NLA_TYPE_MASK, body.first(head.nla_len).subspan(sizeof head));
    body = body.subspan(std::min<std::size_t>(NLA_ALIGN(head.nla_len), body.size()));
  }
}

}  // namespace nxgate::netfilter
