#include "relay/relay.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/address.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "base/snapshot.h"
#include "engine/observer.h"
#include "engine/snapshot.h"
#include "helper/confinement.h"
#include "peek/hello_fixture.h"
#include "policy/connection_checks.h"
#include "policy/egress.h"
#include "policy/grants.h"
#include "policy/local_data.h"
#include "policy/matcher.h"
#include "policy/policy.h"
#include "policy/rule.h"
#include "policy/rule_set.h"
#include "relay/context.h"
#include "relay/relay_thread.h"
#include "relay/side.h"
#include "sys/descriptor.h"
#include "sys/netns.h"
#include "sys/socket.h"
#include "telemetry/connection_counters.h"
#include "wire/name.h"

namespace nxgate::relay {
namespace {

using peek::Octets;

/// Whoever asks was told everything.
class GenerousSets final : public policy::EgressSets {
 public:
  bool admit(const policy::Admission&, Instant) noexcept override { return true; }
  bool was_told(ClientKey, const wire::DomainName&, const IpAddress&, Instant) noexcept override {
    return true;
  }
  bool is_open(const IpAddress&, const Port&, Instant) noexcept override { return true; }
  bool let_onward(std::span<const policy::OnwardFlow>) noexcept override { return true; }
  void end_onward(std::span<const policy::OnwardFlow>) noexcept override {}
  void note_unreachable(const Endpoint&) noexcept override {}
  policy::EgressView look(const std::string&, Instant) override { return {}; }
  policy::EgressView look(const IpAddress&, Instant) override { return {}; }
};

class NoObserver final : public engine::Observer {
 public:
  void refresh() noexcept override {}
  bool interested() const noexcept override { return false; }
  bool wants_messages() const noexcept override { return false; }
  void saw(const engine::Event&) noexcept override {}
};

/// A blocking socket, whose reads end after a while.
class Peer {
 public:
  explicit Peer(int socket) : socket_(socket) {
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }

  void send(const Octets& what) {
    ASSERT_EQ(::send(socket_.get(), what.data(), what.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(what.size()));
  }
  void send_urgent(std::uint8_t octet) {
    ASSERT_EQ(::send(socket_.get(), &octet, 1, MSG_OOB | MSG_NOSIGNAL), 1);
  }
  void end() { (void)::shutdown(socket_.get(), SHUT_WR); }
  void reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    socket_ = {};
  }
  /// So much, or less at the end.
  Octets read(std::size_t count) {
    Octets got(count);
    std::size_t size = 0;
    while (size < count) {
      const ssize_t more = ::recv(socket_.get(), got.data() + size, count - size, 0);
      error_ = more < 0 ? errno : 0;
      if (more <= 0) break;
      size += static_cast<std::size_t>(more);
    }
    got.resize(size);
    return got;
  }
  [[nodiscard]] int error() const { return error_; }
  [[nodiscard]] sys::Descriptor release() { return std::move(socket_); }

 private:
  sys::Descriptor socket_;
  int error_ = 0;
};

class RelayThreadTest : public testing::Test {
 protected:
  RelayThreadTest() {
    listener_ = sys::open_listener(sys::SocketKind::kTcp,
                                   {.endpoint = Endpoint{*IpAddress::parse("127.0.0.1"), 0}},
                                   sys::Sharing::kNobody)
                    .value();
    server_ = sys::local_endpoint(listener_);
    publish({"good.test"});
    thread_.run(helper::Confinement::kNone);
  }
  ~RelayThreadTest() override { thread_.stop(); }

  /// A policy that allows these.
  void publish(const std::vector<std::string>& names) {
    policy::RuleSet rules;
    for (const std::string& text : names) {
      const auto rule = *policy::parse_rule(text);
      rules.add({rule.name, rule.scope, policy::Action::kAllow, {"test", 1, 1}, rule.ports});
    }
    auto made = std::make_shared<policy::Policy>();
    made->name = "ci";
    auto egress = std::make_shared<policy::Egress>();
    if (where_ == policy::NameIn::kNowhere) {
      egress->checks.carries_all = true;
    } else {
      egress->checks.ports = {{where_, server().port}};
    }
    made->egress = egress;
    made->sets = std::make_shared<GenerousSets>();
    made->local = std::make_shared<policy::LocalData>(wire::process_hash_key());
    made->matcher = std::make_shared<policy::Matcher>(std::move(rules),
                                                      std::span<const policy::Matcher::LocalName>{},
                                                      std::span<const policy::Route>{});
    made->grants = std::make_shared<policy::Grants>(wire::process_hash_key());
    snapshots_.publish(std::make_shared<const engine::Snapshot>(
        engine::Snapshot{.generation = 1,
                         .policies = {{std::move(made)}, {}, policy::PolicySet::kNone},
                         .groups = {},
                         .options = {}}));
  }

  [[nodiscard]] const Endpoint& server() const { return server_; }

  /// A client whose connection to the server is relayed.
  Peer client() {
    std::array<int, 2> ends{};
    const sys::Descriptor door(::socket(AF_INET, SOCK_STREAM, 0));
    end_when_silent(door);
    const sys::SocketAddress any = sys::to_sockaddr(Endpoint{*IpAddress::parse("127.0.0.1"), 0});
    EXPECT_EQ(::bind(door.get(), any.get(), any.length), 0);
    EXPECT_EQ(::listen(door.get(), 1), 0);
    ends[0] = ::socket(AF_INET, SOCK_STREAM, 0);
    const sys::SocketAddress at = sys::to_sockaddr(sys::local_endpoint(door));
    EXPECT_EQ(::connect(ends[0], at.get(), at.length), 0);
    ends[1] = ::accept4(door.get(), nullptr, nullptr, SOCK_NONBLOCK);
    EXPECT_TRUE(room_.connections.take(kClient));
    thread_.adopt(sys::Descriptor(ends[1]), place_, kClient, *Endpoint::parse("192.0.2.1:5", 0),
                  server());
    return Peer(ends[0]);
  }
  /// What the relay has connected to the server.
  Peer accepted() {
    for (int i = 0; i < 2000; ++i) {
      const int socket = ::accept4(listener_.get(), nullptr, nullptr, 0);
      if (socket >= 0) return Peer(socket);
      std::this_thread::sleep_for(Milliseconds(5));
    }
    ADD_FAILURE() << "nobody connected";
    return Peer(-1);
  }
  /// A client and its server, once this is through.
  std::pair<Peer, Peer> connected(const Octets& first) {
    Peer client = this->client();
    client.send(first);
    Peer server = accepted();
    EXPECT_EQ(server.read(first.size()), first);
    return {std::move(client), std::move(server)};
  }
  [[nodiscard]] bool nobody_connected() const {
    return ::accept4(listener_.get(), nullptr, nullptr, 0) < 0;
  }
  static void wait_for(const std::function<bool()>& condition) {
    for (int i = 0; i < 2000 && !condition(); ++i) std::this_thread::sleep_for(Milliseconds(5));
    EXPECT_TRUE(condition());
  }
  void wait_until_all_are_gone() {
    wait_for([&] { return room_.connections.taken() == 0; });
    EXPECT_EQ(room_.unread.taken(), 0U);
  }

  static constexpr ClientKey kClient{7};
  policy::NameIn where_ = policy::NameIn::kTls;
  sys::Descriptor listener_;
  Endpoint server_;
  SnapshotCell<engine::Snapshot> snapshots_{nullptr};
  Room room_{1000};
  NoObserver observer_;
  /// By a name, since what is the host's own isn't reached from there.
  std::shared_ptr<const Place> place_ =
      std::make_shared<Place>(Place{sys::NetnsRef("/proc/self/ns/net"), "ci", kClient});
  RelayThread thread_{snapshots_, room_, observer_};
};

Octets hello(std::string_view name) { return peek::records(peek::tls13_hello(name).message()); }

/// By TLS 1.2: no second hello has to be waited for.
Octets old_hello() {
  peek::Hello old;
  old.extensions = peek::server_name_extension("good.test");
  return peek::records(old.message());
}

TEST_F(RelayThreadTest, HandsOnWhatWasReadAndAllThatFollows) {
  Peer client = this->client();
  client.send(hello("good.test"));
  Peer server = accepted();
  EXPECT_EQ(server.read(hello("good.test").size()), hello("good.test"));
  const Octets many(3'000'000, 9);
  std::thread sender([&] { server.send(many); });
  EXPECT_EQ(client.read(many.size()), many);
  sender.join();
}

TEST_F(RelayThreadTest, WhereNoNameIsSaidTheServerMaySpeakFirst) {
  where_ = policy::NameIn::kNowhere;
  publish({"good.test"});
  Peer client = this->client();
  Peer server = accepted();
  server.send({1, 2, 3});
  EXPECT_EQ(client.read(3), (Octets{1, 2, 3}));
  client.send({4});
  EXPECT_EQ(server.read(1), Octets{4});
  client.end();
  EXPECT_EQ(server.read(1), Octets{});
}

TEST_F(RelayThreadTest, CountsWhatBecameOfConnectionsAndWhatTheyMove) {
  using telemetry::ConnectionResult;
  using telemetry::Direction;
  const telemetry::ConnectionCounters& counted = thread_.counters();
  const Octets first = hello("good.test");
  {
    Peer client = this->client();
    client.send(first);
    Peer server = accepted();
    (void)server.read(first.size());
    server.send(Octets(1000, 9));
    (void)client.read(1000);
    // While it is open.
    wait_for([&] { return counted.octets(Direction::kReceived) == 1000; });
  }
  Peer denied = client();
  denied.send(hello("bad.test"));
  (void)denied.read(100);
  wait_until_all_are_gone();
  EXPECT_EQ(counted.results(0, ConnectionResult::kDenied), 1U);
  listener_ = {};
  Peer failed = client();
  failed.send(first);
  (void)failed.read(100);
  wait_until_all_are_gone();
  EXPECT_EQ(counted.results(0, ConnectionResult::kFailed), 1U);
  EXPECT_EQ(counted.results(0, ConnectionResult::kOpened), 1U);
  EXPECT_EQ(counted.octets(Direction::kSent), first.size());
}

TEST_F(RelayThreadTest, AHelloMayComeOctetByOctet) {
  Peer client = this->client();
  const Octets all = hello("good.test");
  for (const std::uint8_t octet : all) client.send({octet});
  Peer server = accepted();
  EXPECT_EQ(server.read(all.size()), all);
}

TEST_F(RelayThreadTest, AnotherNameGetsAnAlertAndNothingGoesOn) {
  Peer client = this->client();
  client.send(hello("bad.test"));
  EXPECT_EQ(client.read(100), (Octets{21, 3, 3, 0, 2, 2, 112}));
  EXPECT_EQ(client.error(), 0) << "an end, not a reset";
  EXPECT_TRUE(nobody_connected());
  wait_until_all_are_gone();
}

TEST_F(RelayThreadTest, AHalfClosePassesInBothDirections) {
  auto [client, server] = connected(old_hello());
  client.send({1, 2, 3});
  client.end();
  EXPECT_EQ(server.read(100), (Octets{1, 2, 3}));
  EXPECT_EQ(server.error(), 0);
  const Octets many(3'000'000, 9);
  std::thread sender([&] {
    server.send(many);
    server.end();
  });
  EXPECT_EQ(client.read(many.size() + 1), many);
  sender.join();
  wait_until_all_are_gone();
}

TEST_F(RelayThreadTest, UrgentOctetsComeWithTheOthers) {
  auto [client, server] = connected(old_hello());
  client.send_urgent(5);
  client.send({6, 7});
  EXPECT_EQ(server.read(3), (Octets{5, 6, 7}));
}

TEST_F(RelayThreadTest, AResetPassesOn) {
  for (const bool by_client : {true, false}) {
    auto [client, server] = connected(old_hello());
    (by_client ? client : server).reset();
    Peer& other = by_client ? server : client;
    EXPECT_EQ(other.read(1).size(), 0U);
    EXPECT_EQ(other.error(), ECONNRESET);
  }
  wait_until_all_are_gone();
}

TEST_F(RelayThreadTest, AServerThatRefusesIsAReset) {
  listener_ = {};
  Peer client = this->client();
  client.send(hello("good.test"));
  EXPECT_EQ(client.read(1).size(), 0U);
  EXPECT_EQ(client.error(), ECONNRESET);
  wait_until_all_are_gone();
}

TEST_F(RelayThreadTest, AChangeOfPolicyEndsWhatItNoLongerAllows) {
  Peer client = this->client();
  client.send(hello("good.test"));
  Peer server = accepted();
  (void)server.read(1);
  thread_.review();
  client.send({20, 3, 3, 0, 1, 1});
  EXPECT_EQ(server.read(hello("good.test").size() - 1 + 6).back(), 1) << "nothing has changed";
  publish({"other.test"});
  thread_.review();
  EXPECT_EQ(client.read(1).size(), 0U);
  EXPECT_EQ(client.error(), ECONNRESET);
  wait_until_all_are_gone();
}

TEST_F(RelayThreadTest, StopsWithAnyNumberOfSessionsInAnyState) {
  std::vector<Peer> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(client());
    if (i % 2 == 0) clients.back().send(hello("good.test"));
    if (i % 3 == 0) clients.back().send({22, 3});
  }
  thread_.stop();
  for (Peer& each : clients) (void)each.read(1);
}

class HttpRelayTest : public RelayThreadTest {
 protected:
  HttpRelayTest() {
    where_ = policy::NameIn::kHttp;
    publish({"good.test"});
  }
};

Octets get(const std::string& host) {
  return peek::octets("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
}

TEST_F(HttpRelayTest, EachRequestIsJudgedAndARefusalComesBehindWhatIsOwed) {
  Peer client = this->client();
  client.send(get("good.test"));
  Peer server = accepted();
  EXPECT_EQ(server.read(get("good.test").size()), get("good.test"));
  client.send(get("bad.test"));
  EXPECT_EQ(server.read(1).size(), 0U) << "an end: nothing more comes";
  server.send(peek::octets("HTTP/1.1 204 No Content\r\n\r\n"));
  server.end();
  const Octets said = client.read(100'000);
  const std::string text(said.begin(), said.end());
  EXPECT_EQ(text.find("HTTP/1.1 204"), 0U);
  EXPECT_NE(text.find("HTTP/1.1 403"), std::string::npos);
  wait_until_all_are_gone();
}

TEST_F(HttpRelayTest, AClientMayEndBehindItsRequest) {
  Peer client = this->client();
  client.send(get("good.test"));
  client.end();
  Peer server = accepted();
  EXPECT_EQ(server.read(1000), get("good.test"));
  server.send({'x'});
  server.end();
  EXPECT_EQ(client.read(10), (Octets{'x'}));
  wait_until_all_are_gone();
}

}  // namespace
}  // namespace nxgate::relay
