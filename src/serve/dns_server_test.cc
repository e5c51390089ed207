#include "serve/dns_server.h"

#include <array>
#include <cstring>
#include <filesystem>
#include <latch>
#include <stop_token>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "serve/fixture_test.h"
#include "sys/netns.h"

namespace nxgate::serve {
namespace {

TEST(DnsServer, AnswersOverUdp) {
  Running running;
  const Client client = running.udp();
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(client.send("q" + std::to_string(i)));
  for (int i = 0; i < 200; ++i) ASSERT_EQ(client.receive(), "q" + std::to_string(i));
  ASSERT_TRUE(client.send("d"));
  ASSERT_TRUE(client.send("l"));
  ASSERT_TRUE(client.send("n"));
  EXPECT_EQ(client.receive(), "n");
  EXPECT_EQ(client.receive(), "l");
  running.on_loop([&] {
    EXPECT_EQ(running.handler().policy, "ci");
    EXPECT_EQ(running.handler().sent_at_once, 200U);
  });
}

/// Asks as fast as answers come, 32 at a time, until it is stopped; returns how many weren't
/// answered.
std::size_t flood(const Running& running, const std::stop_token& end) {
  const Client client = running.udp();
  std::size_t missing = 0;
  while (!end.stop_requested()) {
    for (int i = 0; i < 32; ++i) missing += client.send("q") ? 0 : 1;
    for (int i = 0; i < 32; ++i) missing += client.receive() == "q" ? 0 : 1;
  }
  return missing;
}

TEST(DnsServer, AFloodOverUdpKeepsNobodyFromTheLoop) {
  Running running;
  std::size_t missing = 0;
  std::jthread flooding([&](const std::stop_token& end) { missing = flood(running, end); });
  const Client udp = running.udp();
  const Client tcp = running.tcp();
  for (int i = 0; i < 50; ++i) {
    const Instant began = Clock::now();
    running.on_loop([] {});
    ASSERT_TRUE(tcp.send(framed("e")));
    ASSERT_EQ(tcp.receive_framed(), "e");
    ASSERT_TRUE(udp.send("l"));
    ASSERT_TRUE(udp.send("r"));
    ASSERT_EQ(udp.receive(), "r");
    ASSERT_EQ(udp.receive(), "l");
    EXPECT_LT(Clock::now() - began, Seconds(1));
  }
  flooding.request_stop();
  flooding.join();
  EXPECT_EQ(missing, 0U);
  const Instant ended = Clock::now();
  running.on_loop([] {});
  EXPECT_LT(Clock::now() - ended, Seconds(1)) << "the socket is left to the loop again";
}

TEST(DnsServer, AnswersFromTheAddressAsked) {
  const Running running("0.0.0.0");
  const Client client(SOCK_DGRAM, {*IpAddress::parse("127.0.0.2"), running.endpoint().port});
  ASSERT_TRUE(client.send("e"));
  EXPECT_EQ(client.receive(), "e");
  const Client late(SOCK_DGRAM, {*IpAddress::parse("127.0.0.3"), running.endpoint().port});
  ASSERT_TRUE(late.send("l"));
  ASSERT_TRUE(late.send("r"));
  EXPECT_EQ(late.receive(), "r");
  EXPECT_EQ(late.receive(), "l");
}

TEST(DnsServer, LateRepliesOfClosedSocketsGoNowhere) {
  Running running;
  const Client udp = running.udp();
  const Client tcp = running.tcp();
  ASSERT_TRUE(udp.send("l"));
  ASSERT_TRUE(tcp.send(framed("l")));
  ASSERT_TRUE(eventually([&] { return running.handler().waiting == 2; }));
  running.destroy_server();
  running.on_loop([&] {
    for (auto& [text, reply] : running.handler().late) reply(bytes_of(text));
  });
}

TEST(DnsServer, CanBeDestroyedInTheMiddleOfEverything) {
  Running running;
  const Client udp = running.udp();
  const Client tcp = running.tcp();
  const Client idle = running.tcp();
  ASSERT_TRUE(udp.send("l"));
  ASSERT_TRUE(tcp.send(framed("l")));
  ASSERT_TRUE(eventually([&] { return running.handler().waiting == 2; }));
  running.halt();
}

TEST(DnsServer, StopsWhenNothingIsOwed) {
  Running running;
  const Client udp = running.udp();
  const Client tcp = running.tcp();
  const Client idle = running.tcp();
  ASSERT_TRUE(idle.send(framed("e")));
  EXPECT_EQ(idle.receive_framed(), "e");
  ASSERT_TRUE(udp.send("l"));
  ASSERT_TRUE(tcp.send(framed("l")));
  ASSERT_TRUE(eventually([&] { return running.handler().waiting == 2; }));
  running.on_loop([&] {
    running.server().stop();
    EXPECT_FALSE(running.server().drained());
  });
  EXPECT_TRUE(idle.closed());
  EXPECT_FALSE(running.tcp().connected());
  running.on_loop([&] {
    for (auto& [text, reply] : running.handler().late) reply(bytes_of(text));
    running.handler().late.clear();
  });
  EXPECT_EQ(udp.receive(), "l");
  EXPECT_EQ(tcp.receive_framed(), "l");
  EXPECT_EQ(tcp.receive_framed(), "(closed)");
  bool drained = false;
  EXPECT_TRUE(eventually([&] {
    running.on_loop([&] { drained = running.server().drained(); });
    return drained;
  }));
}

TEST(DnsServer, NamesTheListenerThatCannotBeOpened) {
  const Running running("192.0.2.1");
  ASSERT_FALSE(running.started());
  EXPECT_NE(running.started().error().message.find("192.0.2.1"), std::string::npos);
  const Running missing("127.0.0.1", {}, sys::NetnsRef("nonesuch"));
  ASSERT_FALSE(missing.started());
  EXPECT_NE(missing.started().error().message.find("nonesuch"), std::string::npos);
}

TEST(ProbeFree, FindsAListenerThatSharesItsPort) {
  const Running running;
  Listener same;
  same.at.endpoint = running.endpoint();
  const auto free = probe_free({&same, 1});
  ASSERT_FALSE(free);
  EXPECT_NE(free.error().message.find("is in use by another program"), std::string::npos);
}

void raise_loopback() {
  const sys::Descriptor socket(::socket(AF_INET, SOCK_DGRAM, 0));
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = IFF_UP;
  EXPECT_EQ(::ioctl(socket.get(), SIOCSIFFLAGS, &request), 0);
}

/// A network namespace that is reached by `link` as long as this lives.
class Namespace {
 public:
  explicit Namespace(const std::filesystem::path& link) : thread_([this] { live(); }) {
    entered_.wait();
    std::filesystem::remove(link);
    std::filesystem::create_symlink("/proc/self/task/" + std::to_string(id_) + "/ns/net", link);
  }
  ~Namespace() {
    leave_.count_down();
    thread_.join();
  }
  [[nodiscard]] bool permitted() const { return permitted_; }

 private:
  void live() {
    permitted_ = ::unshare(CLONE_NEWNET) == 0;
    if (permitted_) raise_loopback();
    id_ = static_cast<int>(::syscall(SYS_gettid));
    entered_.count_down();
    leave_.wait();
  }

  bool permitted_ = false;
  int id_ = 0;
  std::latch entered_{1};
  std::latch leave_{1};
  std::thread thread_;
};

/// Asks over both transports from within the namespace.
bool served(const sys::NetnsRef& netns, const Endpoint& server) {
  bool good = false;
  const auto entered = sys::in_netns(netns, [&] {
    const Client udp(SOCK_DGRAM, server);
    const Client tcp(SOCK_STREAM, server);
    good = udp.send("e") && tcp.send(framed("e")) && udp.receive() == "e" &&
           tcp.receive_framed() == "e";
  });
  return entered && good;
}

TEST(DnsServer, ComesBackWithItsNamespace) {
  const std::filesystem::path link =
      std::filesystem::path(::testing::TempDir()) / ("nxgate_ns_" + std::to_string(::getpid()));
  const sys::NetnsRef netns(link.string());
  std::optional<Namespace> there(std::in_place, link);
  if (!there->permitted()) GTEST_SKIP() << "unshare(CLONE_NEWNET) is not permitted here";
  TcpLimits limits;
  limits.idle = Milliseconds(400);  // so that it looks after its listeners every 100 ms
  Running running("127.0.0.1", limits, netns);
  ASSERT_TRUE(running.started()) << running.started().error().message;
  EXPECT_TRUE(served(netns, running.endpoint()));
  EXPECT_FALSE(running.tcp().connected());

  there.reset();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  there.emplace(link);
  EXPECT_TRUE(eventually([&] { return served(netns, running.endpoint()); }));
  there.emplace(link);  // replaced between two looks
  EXPECT_TRUE(eventually([&] { return served(netns, running.endpoint()); }));
  std::filesystem::remove(link);
}

}  // namespace
}  // namespace nxgate::serve
