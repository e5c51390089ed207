#include "sys/netlink.h"

#include <cerrno>
#include <cstddef>
#include <expected>
#include <system_error>
#include <utility>

#include <fmt/core.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/error.h"
#include "sys/broker.h"
#include "sys/descriptor.h"
#include "sys/netns.h"

namespace nxgate::sys {
namespace {

/// The kernel answers within the system call; this is for one that has lost its way.
constexpr timeval kReplyTime{.tv_sec = 2, .tv_usec = 0};

std::error_code system_error(int error) { return {error, std::system_category()}; }

}  // namespace

NetlinkSocket::~NetlinkSocket() {
  if (number_ == 0) return;
  if (const Broker* const broker = Broker::active()) broker->close_netlink(number_);
}

Result<NetlinkSocket> open_netlink(int protocol, const NetnsRef& netns) {
  if (const Broker* const broker = Broker::active()) return broker->open_netlink(protocol, netns);
  Descriptor socket;
  int error = 0;
  const Result<void> entered = in_netns(netns, [&] {
    socket = Descriptor(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
    error = socket ? 0 : errno;
  });
  if (!entered) return std::unexpected(entered.error());
  if (!socket) {
    return fail(fmt::format("cannot open a netlink socket in {}: {}", netns.text(),
                            std::generic_category().message(error)));
  }
  const int on = 1;
  const int room = static_cast<int>(kLargestBatch);
  (void)::setsockopt(socket.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kReplyTime, sizeof kReplyTime);
  return NetlinkSocket(std::move(socket));
}

std::error_code send_netlink(const NetlinkSocket& socket, Bytes messages, Waiting waiting) {
  if (messages.size() > kLargestBatch) return system_error(EMSGSIZE);
  if (const Broker* const broker = Broker::active()) {
    return broker->send_netlink(socket.number(), messages, waiting);
  }
  const ssize_t sent = ::send(socket.get(), messages.data(), messages.size(), 0);
  return sent < 0 ? system_error(errno) : std::error_code();
}

}  // namespace nxgate::sys
