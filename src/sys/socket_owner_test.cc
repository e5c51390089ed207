#include "sys/socket_owner.h"

#include <cstdint>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "sys/descriptor.h"
#include "sys/netns.h"

namespace nxgate::sys {
namespace {

/// A UDP socket that is connected to a port where nobody need be.
Descriptor connected_to(int family, std::uint16_t port) {
  Descriptor made(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (family == AF_INET) {
    const sockaddr_in peer{.sin_family = AF_INET,
                           .sin_port = htons(port),
                           .sin_addr = {htonl(INADDR_LOOPBACK)},
                           .sin_zero = {}};
    EXPECT_EQ(::connect(made.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer), 0);
  } else {
    const sockaddr_in6 peer{.sin6_family = AF_INET6,
                            .sin6_port = htons(port),
                            .sin6_flowinfo = 0,
                            .sin6_addr = IN6ADDR_LOOPBACK_INIT,
                            .sin6_scope_id = 0};
    EXPECT_EQ(::connect(made.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer), 0);
  }
  return made;
}

TEST(SocketOwner, IsFoundByThePeer) {
  const Descriptor socket = connected_to(AF_INET, 40053);
  const auto seen = find_by_peer(NetnsRef(), IPPROTO_UDP, {*IpAddress::parse("127.0.0.1"), 40053});
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->pid, ::getpid());
  EXPECT_EQ(seen->name, "sys_test");
}

TEST(SocketOwner, IsFoundByAnIpv6PeerToo) {
  const Descriptor socket = connected_to(AF_INET6, 40054);
  const auto seen = find_by_peer(NetnsRef(), IPPROTO_UDP, {*IpAddress::parse("::1"), 40054});
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->pid, ::getpid());
}

TEST(SocketOwner, OfAnotherProtocolPortOrNamespaceIsNotFound) {
  const Descriptor socket = connected_to(AF_INET, 40055);
  const IpAddress loopback = *IpAddress::parse("127.0.0.1");
  EXPECT_FALSE(find_by_peer(NetnsRef(), IPPROTO_TCP, {loopback, 40055}));
  EXPECT_FALSE(find_by_peer(NetnsRef(), IPPROTO_UDP, {loopback, 40056}));
  EXPECT_FALSE(find_by_peer(NetnsRef("/no/such"), IPPROTO_UDP, {loopback, 40055}));
}

}  // namespace
}  // namespace nxgate::sys
