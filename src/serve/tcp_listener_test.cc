#include "serve/tcp_listener.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "serve/fixture_test.h"

namespace nxgate::serve {
namespace {

TcpLimits limits(std::size_t connections, std::size_t per_client) {
  TcpLimits value;
  value.connections = {.connections = connections, .per_client = per_client};
  return value;
}

TEST(TcpListener, ClosesTheOldestIdleConnectionForANewOne) {
  const Running running("127.0.0.1", limits(100, 2));
  const Client busy = running.tcp();
  ASSERT_TRUE(busy.send(framed("l")));
  const Client idle = running.tcp();
  ASSERT_TRUE(idle.send(framed("e")));
  EXPECT_EQ(idle.receive_framed(), "e");
  const Client newest = running.tcp();
  ASSERT_TRUE(newest.send(framed("l")));
  EXPECT_TRUE(idle.closed());
  const Client refused = running.tcp();
  EXPECT_TRUE(refused.closed());
}

TEST(TcpListener, WaitsWhenThereAreNoDescriptorsLeft) {
  Running running;
  const Client before = running.tcp();
  ASSERT_TRUE(before.send(framed("e")));
  EXPECT_EQ(before.receive_framed(), "e");
  rlimit usual{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);
  const Client waiting(SOCK_STREAM, running.endpoint());
  rlimit none = usual;
  none.rlim_cur = 3;
  ASSERT_TRUE(eventually([&] { return running.census().connections() == 2; }));
  const int next = ::socket(AF_INET, SOCK_STREAM, 0);  // made while we may
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const sys::SocketAddress address = sys::to_sockaddr(running.endpoint());
  EXPECT_EQ(::connect(next, address.get(), address.length), 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(250));
  ASSERT_TRUE(before.send(framed("still served")));
  EXPECT_EQ(before.receive_framed(), "still served");
  EXPECT_EQ(running.census().connections(), 2U);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &usual), 0);
  EXPECT_TRUE(eventually([&] { return running.census().connections() == 3; }));
  ::close(next);
}

}  // namespace
}  // namespace nxgate::serve
