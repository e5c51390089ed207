#include "sys/socket.h"

#include <cerrno>
#include <set>
#include <string>
#include <system_error>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "sys/descriptor.h"
#include "sys/netns.h"

namespace nxgate::sys {
namespace {

Endpoint bound_to(const Descriptor& socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &length), 0);
  return to_endpoint(storage);
}

ListenAddress at(const char* endpoint) {
  ListenAddress address;
  address.endpoint = *Endpoint::parse(endpoint, 0);
  return address;
}

TEST(SocketAddress, ComesBackAsItWent) {
  for (const char* text : {"192.0.2.1:53", "[2001:db8::1]:5353", "0.0.0.0:1"}) {
    const Endpoint endpoint = *Endpoint::parse(text, 0);
    EXPECT_EQ(to_endpoint(to_sockaddr(endpoint).storage), endpoint);
  }
}

TEST(ListenAddress, IsWrittenAsTheOperatorWritesIt) {
  ListenAddress address = at("127.0.0.1:53");
  EXPECT_EQ(address.to_string(), "127.0.0.1:53");
  address.netns = NetnsRef("/run/netns/web");
  EXPECT_EQ(address.to_string(), "127.0.0.1:53@/run/netns/web");
  address.interface = "eth1";
  EXPECT_EQ(address.to_string(), "eth1:53@/run/netns/web");
}

TEST(OpenListener, SharesItsPortBetweenWorkersOnly) {
  for (const SocketKind kind : {SocketKind::kUdp, SocketKind::kTcp}) {
    const auto first = open_listener(kind, at("127.0.0.1"), Sharing::kWorkers);
    ASSERT_TRUE(first) << first.error().message;
    ListenAddress same = at("127.0.0.1");
    same.endpoint.port = bound_to(*first).port;
    EXPECT_TRUE(open_listener(kind, same, Sharing::kWorkers));
    const auto taken = open_listener(kind, same, Sharing::kNobody);
    ASSERT_FALSE(taken);
    EXPECT_NE(taken.error().message.find("in use by another program"), std::string::npos);
    EXPECT_NE(taken.error().message.find("sport = :" + std::to_string(same.endpoint.port)),
              std::string::npos);
    EXPECT_FALSE(probe_free(kind, same));
  }
}

TEST(ProbeFree, LeavesThePortFree) {
  for (const SocketKind kind : {SocketKind::kUdp, SocketKind::kTcp}) {
    ListenAddress address = at("127.0.0.1");
    address.endpoint.port = bound_to(*open_listener(kind, address, Sharing::kNobody)).port;
    EXPECT_TRUE(probe_free(kind, address));
    EXPECT_TRUE(open_listener(kind, address, Sharing::kWorkers));
  }
}

TEST(OpenListener, SaysWhatIsNotThere) {
  const auto address = open_listener(SocketKind::kUdp, at("192.0.2.1:5353"), Sharing::kWorkers);
  ASSERT_FALSE(address);
  EXPECT_NE(address.error().message.find("no interface has the address 192.0.2.1"),
            std::string::npos);

  ListenAddress device = at("0.0.0.0:5353");
  device.interface = "nonesuch0";
  const auto interface = open_listener(SocketKind::kUdp, device, Sharing::kWorkers);
  ASSERT_FALSE(interface);
  EXPECT_NE(interface.error().message.find("no such interface: nonesuch0"), std::string::npos);

  ListenAddress elsewhere = at("127.0.0.1:5353");
  elsewhere.netns = NetnsRef("nonesuch");
  const auto netns = open_listener(SocketKind::kTcp, elsewhere, Sharing::kWorkers);
  ASSERT_FALSE(netns);
  EXPECT_NE(netns.error().message.find("no such network namespace: nonesuch"), std::string::npos);
}

TEST(DroppedMessages, AreThoseThatFoundNoRoom) {
  const auto server = open_listener(SocketKind::kUdp, at("127.0.0.1"), Sharing::kNobody);
  ASSERT_TRUE(server);
  const auto client = open_upstream_socket(SocketKind::kUdp, bound_to(*server), NetnsRef());
  ASSERT_TRUE(client);
  EXPECT_EQ(::send(client->get(), "x", 1, 0), 1);
  EXPECT_EQ(dropped_messages(server->get()), 0U);
  for (int i = 0; i < 20000; ++i) (void)::send(client->get(), "x", 1, 0);
  EXPECT_GT(dropped_messages(server->get()), 0U);
}

TEST(OpenUpstreamSocket, LeavesFromARandomPortToOneServerOnly) {
  const auto server = open_listener(SocketKind::kUdp, at("127.0.0.1"), Sharing::kNobody);
  ASSERT_TRUE(server);
  std::set<std::uint16_t> ports;
  for (int i = 0; i < 200; ++i) {
    const auto socket = open_upstream_socket(SocketKind::kUdp, bound_to(*server), NetnsRef());
    ASSERT_TRUE(socket) << socket.error().message();
    EXPECT_GE(bound_to(*socket).port, 1024);
    ports.insert(bound_to(*socket).port);
    EXPECT_EQ(::send(socket->get(), "x", 1, 0), 1);
  }
  EXPECT_GT(ports.size(), 190U);
}

TEST(OpenUpstreamSocket, LearnsThatNobodyListens) {
  for (const char* server : {"127.0.0.1:1", "[::1]:1"}) {
    const auto socket =
        open_upstream_socket(SocketKind::kUdp, *Endpoint::parse(server, 0), NetnsRef());
    ASSERT_TRUE(socket) << socket.error().message();
    ASSERT_EQ(::send(socket->get(), "x", 1, 0), 1);
    pollfd readable{.fd = socket->get(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&readable, 1, 1000), 1);
    char byte = 0;
    EXPECT_EQ(::recv(socket->get(), &byte, 1, 0), -1);
    EXPECT_EQ(errno, ECONNREFUSED);
  }
}

TEST(OpenUpstreamSocket, BeginsATcpConnection) {
  const auto server = open_listener(SocketKind::kTcp, at("127.0.0.1"), Sharing::kNobody);
  ASSERT_TRUE(server);
  const auto socket = open_upstream_socket(SocketKind::kTcp, bound_to(*server), NetnsRef());
  ASSERT_TRUE(socket) << socket.error().message();
  pollfd writable{.fd = socket->get(), .events = POLLOUT, .revents = 0};
  EXPECT_EQ(::poll(&writable, 1, 1000), 1);
}

TEST(OpenUpstreamSocket, CallsAMissingNamespaceUnreachable) {
  const auto socket = open_upstream_socket(SocketKind::kUdp, *Endpoint::parse("127.0.0.1:53", 0),
                                           NetnsRef("nonesuch"));
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error(), std::errc::network_unreachable);
}

TEST(OpenUpstreamSocket, SaysWhichZoneIsMissing) {
  for (const char* server : {"fe80::1%nowhere0", "fe80::1%987654321", "fe80::1%99999999999"}) {
    const auto socket =
        open_upstream_socket(SocketKind::kUdp, *RemoteEndpoint::parse(server, 53), NetnsRef());
    ASSERT_FALSE(socket) << server;
    EXPECT_EQ(socket.error(), std::errc::no_such_device) << server;
  }
}

TEST(IsOwnAddress, KnowsLoopbackAndNotTheRest) {
  for (const char* ours : {"127.0.0.1", "127.9.9.9", "::1"}) {
    EXPECT_TRUE(is_own_address(*RemoteEndpoint::parse(ours, 53), NetnsRef())) << ours;
  }
  for (const char* other : {"192.0.2.1", "2001:db8::1", "fe80::1%nowhere0"}) {
    EXPECT_FALSE(is_own_address(*RemoteEndpoint::parse(other, 53), NetnsRef())) << other;
  }
}

}  // namespace
}  // namespace nxgate::sys
