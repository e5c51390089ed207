#include "netfilter/link_watch.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <system_error>
#include <utility>

#include <fmt/core.h>
#include <sys/socket.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/error.h"
#include "sys/netlink.h"
#include "sys/netns.h"

namespace nxgate::netfilter {
namespace {

constexpr std::array<int, 3> kGroups{RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR};
/// What is read at once, so that one who changes links without end keeps nobody here.
constexpr int kMostReads = 64;
constexpr std::size_t kRead = 8192;

}  // namespace

Result<LinkWatch> LinkWatch::open(const sys::NetnsRef& netns) {
  auto socket = sys::open_netlink(NETLINK_ROUTE, netns);
  if (!socket) return std::unexpected(socket.error());
  // What is told to a group goes to sockets with an address alone.
  const sockaddr_nl any{.nl_family = AF_NETLINK, .nl_pad = 0, .nl_pid = 0, .nl_groups = 0};
  bool joined = ::bind(socket->get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0;
  for (const int group : kGroups) {
    joined = joined && ::setsockopt(socket->get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
                                    sizeof group) == 0;
  }
  if (!joined) {
    return fail(fmt::format("cannot watch the links of {}: {}", netns.text(),
                            std::generic_category().message(errno)));
  }
  return LinkWatch(*std::move(socket));
}

bool LinkWatch::changed() noexcept {
  bool any = false;
  std::array<std::uint8_t, kRead> buffer;
  for (int reads = 0; reads < kMostReads; ++reads) {
    // ENOBUFS tells of messages that were lost, so something changed.
    if (::recv(descriptor(), buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC) < 0 &&
        errno != ENOBUFS) {
      break;
    }
    any = true;
  }
  return any;
}

}  // namespace nxgate::netfilter
