// For tests: a pool of TCP connections with a server, and queries that note what they hear.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "forward/channel.h"
#include "forward/scripted_upstream.h"
#include "forward/socket_resources.h"
#include "forward/tcp_pool.h"
#include "forward/tcp_server.h"
#include "sys/netns.h"
#include "wire/name.h"
#include "wire/query.h"
#include "wire/types.h"
#include "wire/upstream_query.h"

namespace nxgate::forward {

class TestQuery final : public WaitingQuery {
 public:
  explicit TestQuery(int number = 0)
      : name_(*wire::DomainName::from_text("n" + std::to_string(number) + ".example")) {}
  ~TestQuery() { cancel(); }

  void compose(std::uint16_t id, bool mixed_case) override {
    EXPECT_FALSE(mixed_case);
    wire::UpstreamQuery query;
    query.id = id;
    query.question = {name_, wire::Type::kA, wire::Class::kIn};
    bytes_.resize(wire::kLargestUpstreamQuery);
    bytes_.resize(wire::write_upstream_query(query, bytes_));
  }
  [[nodiscard]] Bytes bytes() const noexcept override { return bytes_; }
  bool receive(Bytes message, bool own_id, Instant) override {
    EXPECT_TRUE(own_id);
    answered = Packet(message.begin(), message.end()) == address_reply(bytes_);
    return answered;
  }
  void fail(const ChannelFailure& why, Instant) override {
    EXPECT_FALSE(failure);
    failure = why;
  }
  [[nodiscard]] bool failed(ChannelFailure::Kind kind) const {
    return failure && failure->kind == kind;
  }

  bool answered = false;
  std::optional<ChannelFailure> failure;

 private:
  wire::DomainName name_;
  Packet bytes_;
};

class Pool : public testing::Test {
 protected:
  void submit(TestQuery& query) { pool_->submit(query, Clock::now()); }
  void run(Milliseconds time = Milliseconds(20)) { run_for(loop_, time); }
  /// The next connection that the server sees.
  TcpPeer accept() {
    run();
    auto peer = server_.accept();
    EXPECT_TRUE(peer);
    return *std::move(peer);
  }
  /// A connection over which one query was answered.
  TcpPeer used() {
    TestQuery query;
    submit(query);
    TcpPeer peer = accept();
    run();
    peer.answer(peer.queries().at(0));
    run();
    EXPECT_TRUE(query.answered);
    return peer;
  }
  static bool answer_all(TcpPeer& peer) {
    const auto queries = peer.queries();
    for (const Packet& query : queries) peer.answer(query);
    return !queries.empty();
  }

  boost::asio::io_context loop_{1};
  std::optional<SocketResources> resources_{std::in_place, loop_};
  TcpServer server_;
  std::shared_ptr<TcpPool> pool_ =
      std::make_shared<TcpPool>(*resources_, server_.endpoint(), sys::NetnsRef());
};

}  // namespace nxgate::forward
