#include "sys/onward_socket.h"

#include <cerrno>
#include <utility>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/address.h"
#include "sys/descriptor.h"
#include "sys/netns.h"
#include "sys/socket.h"

namespace nxgate::sys {
namespace {

Descriptor one(SocketKind kind, Family family = Family::kIpv4) {
  auto made = open_sockets(kind, family, 1, NetnsRef());
  return made ? std::move(made->front()) : Descriptor();
}

TEST(OnwardSocket, ComeInNumbersButNotInTooLargeOnes) {
  const auto some = open_sockets(SocketKind::kTcp, Family::kIpv6, 3, NetnsRef());
  ASSERT_TRUE(some);
  EXPECT_EQ(some->size(), 3U);
  const auto many = open_sockets(SocketKind::kUdp, Family::kIpv4, 1000, NetnsRef());
  ASSERT_TRUE(many);
  EXPECT_EQ(many->size(), kMostSockets);
  EXPECT_EQ(open_sockets(SocketKind::kTcp, Family::kIpv4, 1, NetnsRef("missing-netns")).error(),
            std::errc::network_unreachable);
}

TEST(OnwardSocket, AreBoundToTheSourceThatTheRoutesChoose) {
  const Descriptor v4 = one(SocketKind::kUdp);
  const Descriptor v6 = one(SocketKind::kUdp, Family::kIpv6);
  for (const char* to : {"127.0.0.1:1", "127.0.0.9:1", "127.0.0.1:2"}) {
    const Descriptor socket = one(SocketKind::kTcp);
    const Endpoint there = *Endpoint::parse(to, 0);
    const auto from = bind_towards(there, socket, v4);
    ASSERT_TRUE(from);
    EXPECT_EQ(from->port, local_port(socket));
    EXPECT_EQ(from->address, *IpAddress::parse("127.0.0.1")) << to;
    EXPECT_GE(from->port, 32768) << "below are servers";
  }
  const Descriptor socket = one(SocketKind::kTcp, Family::kIpv6);
  const auto from = bind_towards(*Endpoint::parse("[::1]:1", 0), socket, v6);
  ASSERT_TRUE(from);
  EXPECT_EQ(from->address, *IpAddress::parse("::1"));
}

/// Why no socket of this family can be bound there; 0 if one can.
int bind_error(int family, const Endpoint& at) {
  const Descriptor other(::socket(family, SOCK_STREAM, 0));
  const SocketAddress address = to_sockaddr(at);
  return ::bind(other.get(), address.get(), address.length) == 0 ? 0 : errno;
}

TEST(OnwardSocket, HaveTheirPortAtAllAddresses) {
  const Descriptor v4 = one(SocketKind::kTcp);
  const auto from4 = bind_towards(*Endpoint::parse("127.0.0.1:1", 0), v4, one(SocketKind::kUdp));
  ASSERT_TRUE(from4);
  const Descriptor v6 = one(SocketKind::kTcp, Family::kIpv6);
  const auto from6 =
      bind_towards(*Endpoint::parse("[::1]:1", 0), v6, one(SocketKind::kUdp, Family::kIpv6));
  ASSERT_TRUE(from6);
  for (const char* address : {"0.0.0.0", "127.0.0.1", "127.0.0.2"}) {
    for (const auto port : {from4->port, from6->port}) {
      EXPECT_EQ(bind_error(AF_INET, {*IpAddress::parse(address), port}), EADDRINUSE) << address;
    }
  }
  for (const char* address : {"::", "::1"}) {
    EXPECT_EQ(bind_error(AF_INET6, {*IpAddress::parse(address), from6->port}), EADDRINUSE);
  }
}

TEST(OnwardSocket, HasAPortThatIsNobodyElsesAlsoOnceItIsReset) {
  const auto listener = open_listener(
      SocketKind::kTcp, {.endpoint = {*IpAddress::parse("127.0.0.1"), 0}}, Sharing::kNobody);
  ASSERT_TRUE(listener);
  const Endpoint to = local_endpoint(*listener);
  Descriptor onward = one(SocketKind::kTcp);
  ASSERT_TRUE(bind_towards(to, onward, one(SocketKind::kUdp)));
  const Endpoint from{to.address, local_port(onward)};
  const auto can_bind = [&] { return bind_error(AF_INET, from) == 0; };
  const SocketAddress at = to_sockaddr(to);
  (void)::connect(onward.get(), at.get(), at.length);
  {
    Descriptor accepted;
    while (!accepted) accepted = Descriptor(::accept(listener->get(), nullptr, nullptr));
    EXPECT_FALSE(can_bind());
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    (void)::setsockopt(accepted.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  EXPECT_FALSE(can_bind()) << "reset, and still ours";
  onward = Descriptor();
  EXPECT_TRUE(can_bind());
}

}  // namespace
}  // namespace nxgate::sys
