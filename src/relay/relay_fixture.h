// A relay's thread between clients and a server of the tests.
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
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
#include "wire/name.h"

namespace nxgate::relay {

/// Whoever asks was told everything.
class GenerousSets final : public policy::EgressSets {
 public:
  bool admit(const policy::Admission&, Instant) noexcept override { return true; }
  bool was_told(ClientKey, const wire::DomainName&, const IpAddress&, Instant) noexcept override {
    return true;
  }
  std::optional<wire::DomainName> opener(const IpAddress&, const Port&, Instant) noexcept override {
    return *wire::DomainName::from_text("good.test");
  }
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

  void send(const peek::Octets& what) {
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
  peek::Octets read(std::size_t count) {
    peek::Octets got(count);
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
  std::pair<Peer, Peer> connected(const peek::Octets& first) {
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

}  // namespace nxgate::relay
