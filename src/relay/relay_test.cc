#include "relay/relay.h"

#include <cerrno>
#include <cstdint>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "peek/hello_fixture.h"
#include "policy/connection_checks.h"
#include "relay/relay_fixture.h"
#include "telemetry/connection_counters.h"

namespace nxgate::relay {
namespace {

using peek::Octets;

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

}  // namespace
}  // namespace nxgate::relay
