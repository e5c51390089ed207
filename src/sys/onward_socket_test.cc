#include "sys/onward_socket.h"

#include <string>
#include <system_error>
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
    EXPECT_EQ(*from, local_endpoint(socket));
    EXPECT_EQ(from->address, *IpAddress::parse("127.0.0.1")) << to;
    EXPECT_NE(from->port, 0);
  }
  const Descriptor socket = one(SocketKind::kTcp, Family::kIpv6);
  const auto from = bind_towards(*Endpoint::parse("[::1]:1", 0), socket, v6);
  ASSERT_TRUE(from);
  EXPECT_EQ(from->address, *IpAddress::parse("::1"));
}

TEST(OnwardSocket, HasAPortThatIsNobodyElsesAlsoOnceItIsReset) {
  const auto listener = open_listener(
      SocketKind::kTcp, {.endpoint = {*IpAddress::parse("127.0.0.1"), 0}}, Sharing::kNobody);
  ASSERT_TRUE(listener);
  const Endpoint to = local_endpoint(*listener);
  Descriptor onward = one(SocketKind::kTcp);
  ASSERT_TRUE(bind_towards(to, onward, one(SocketKind::kUdp)));
  const SocketAddress from = to_sockaddr(local_endpoint(onward));
  const auto can_bind = [&] {
    const Descriptor other(::socket(AF_INET, SOCK_STREAM, 0));
    return ::bind(other.get(), from.get(), from.length) == 0;
  };
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
