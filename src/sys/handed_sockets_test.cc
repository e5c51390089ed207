#include "sys/handed_sockets.h"

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "sys/descriptor.h"
#include "sys/socket.h"

namespace nxgate::sys {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Where nothing of the test program is open.
constexpr int kFirst = 700;

std::string us() { return std::to_string(::getpid()); }

Descriptor bound(int family, int type, const char* endpoint, bool v6_only = true,
                 bool reuse_port = false) {
  Descriptor socket(::socket(family, type, 0));
  const int only = v6_only ? 1 : 0;
  const int reuse = reuse_port ? 1 : 0;
  if (family == AF_INET6) {
    EXPECT_EQ(::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only), 0);
  }
  EXPECT_EQ(::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &reuse, sizeof reuse), 0);
  const SocketAddress address = to_sockaddr(*Endpoint::parse(endpoint, 0));
  EXPECT_EQ(::bind(socket.get(), address.get(), address.length), 0) << endpoint;
  return socket;
}

/// Takes these over as if they had been handed to this process.
Result<std::vector<HandedSocket>> handed(std::vector<Descriptor> sockets, const char* names = "") {
  int next = kFirst;
  for (const Descriptor& socket : sockets) {
    EXPECT_EQ(::dup2(socket.get(), next), next);
    ++next;
  }
  return take_handed_sockets(
      {.count = std::to_string(sockets.size()), .process = us(), .names = names}, kFirst);
}

Result<std::vector<HandedSocket>> handed(Descriptor socket) {
  std::vector<Descriptor> one;
  one.push_back(std::move(socket));
  return handed(std::move(one));
}

std::string fault(Descriptor socket) {
  const auto taken = handed(std::move(socket));
  return taken ? "(none)" : taken.error().message;
}

TEST(TakeHandedSockets, SaysWhatTheyAre) {
  std::vector<Descriptor> sockets;
  sockets.push_back(bound(AF_INET, SOCK_DGRAM, "127.0.0.1"));
  sockets.push_back(bound(AF_INET6, SOCK_STREAM, "[::1]", false, true));
  const std::uint16_t udp = local_port(sockets[0]);
  const std::uint16_t tcp = local_port(sockets[1]);
  const auto taken = handed(std::move(sockets), "dns.socket:");
  ASSERT_TRUE(taken) << taken.error().message;
  ASSERT_EQ(taken->size(), 2U);
  const HandedSocket& first = taken->front();
  EXPECT_EQ(first.name, "socket 700 (dns.socket), 127.0.0.1:" + std::to_string(udp) + "/udp");
  EXPECT_EQ(first.kind, SocketKind::kUdp);
  EXPECT_EQ(first.endpoint, Endpoint(*IpAddress::parse("127.0.0.1"), udp));
  EXPECT_EQ(first.interface, "");
  EXPECT_FALSE(first.shareable);
  EXPECT_EQ(::fcntl(first.socket.get(), F_GETFD), FD_CLOEXEC);
  const HandedSocket& second = taken->back();
  EXPECT_EQ(second.name, "socket 701, [::1]:" + std::to_string(tcp) + "/tcp");
  EXPECT_EQ(second.kind, SocketKind::kTcp);
  EXPECT_TRUE(second.shareable);
}

TEST(TakeHandedSockets, KnowsTheInterface) {
  Descriptor socket(::socket(AF_INET, SOCK_DGRAM, 0));
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) != 0) {
    GTEST_SKIP() << "needs CAP_NET_RAW";
  }
  const SocketAddress any = to_sockaddr({});
  ASSERT_EQ(::bind(socket.get(), any.get(), any.length), 0);
  const auto taken = handed(std::move(socket));
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(taken->front().interface, "lo");
  EXPECT_THAT(taken->front().name, HasSubstr(", lo:"));
}

TEST(TakeHandedSockets, RefusesWhatNobodyCanListenAt) {
  EXPECT_THAT(fault(Descriptor(::dup(STDERR_FILENO))),
              AllOf(HasSubstr("socket 700, handed over"), HasSubstr("is no socket")));
  EXPECT_THAT(fault(Descriptor(::socket(AF_UNIX, SOCK_STREAM, 0))),
              HasSubstr("neither a UDP nor a TCP socket"));
  EXPECT_THAT(fault(Descriptor(::socket(AF_INET, SOCK_DGRAM, 0))),
              HasSubstr("not bound to a port"));
  EXPECT_THAT(fault(bound(AF_INET6, SOCK_DGRAM, "[::]", false)),
              AllOf(HasSubstr("[::]:"), HasSubstr("BindIPv6Only=ipv6-only")));
  EXPECT_EQ(fault(bound(AF_INET6, SOCK_DGRAM, "[::]", true)), "(none)");

  const Descriptor server = bound(AF_INET, SOCK_DGRAM, "127.0.0.1");
  Descriptor client = bound(AF_INET, SOCK_DGRAM, "127.0.0.1");
  const SocketAddress address = to_sockaddr(local_endpoint(server));
  ASSERT_EQ(::connect(client.get(), address.get(), address.length), 0);
  EXPECT_THAT(fault(std::move(client)), HasSubstr("Accept=no"));
}

TEST(TakeHandedSockets, TakesOnlyWhatIsForThisProcess) {
  for (const auto& [count, process] : std::vector<std::pair<std::string, std::string>>{
           {"", us()}, {"0", us()}, {"1", "1"}, {"1", ""}, {"1", us() + "x"}}) {
    const auto taken = take_handed_sockets({.count = count, .process = process, .names = ""}, 0);
    ASSERT_TRUE(taken);
    EXPECT_TRUE(taken->empty());
  }
  for (const char* count : {"-1", "x", "1025", "99999999999"}) {
    EXPECT_FALSE(take_handed_sockets({.count = count, .process = us(), .names = ""}, kFirst));
  }
}

TEST(PrepareListener, ListensAndBlocksNoMore) {
  const Descriptor socket = bound(AF_INET, SOCK_STREAM, "127.0.0.1");
  const ListenAddress at{.endpoint = local_endpoint(socket), .interface = "", .netns = {}};
  ASSERT_TRUE(prepare_listener(SocketKind::kTcp, socket, at));
  EXPECT_NE(::fcntl(socket.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_TRUE(open_upstream_socket(SocketKind::kTcp, at.endpoint, NetnsRef()));
  EXPECT_TRUE(prepare_listener(SocketKind::kTcp, socket, at));
}

TEST(ListenEnvironment, IsReadOnceAndNotPassedOn) {
  ::setenv("LISTEN_FDS", "2", 1);
  ::setenv("LISTEN_PID", "1", 1);
  ::setenv("LISTEN_FDNAMES", "a:b", 1);
  const ListenEnvironment taken = ListenEnvironment::take();
  EXPECT_EQ(taken.count + taken.process + taken.names, "21a:b");
  const ListenEnvironment again = ListenEnvironment::take();
  EXPECT_EQ(again.count + again.process + again.names, "");
}

}  // namespace
}  // namespace nxgate::sys
