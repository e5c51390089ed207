#include "forward/tcp_pool.h"

#include <cstdint>
#include <initializer_list>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "forward/channel.h"
#include "forward/scripted_upstream.h"
#include "forward/tcp_connection.h"
#include "forward/tcp_fixture.h"
#include "forward/tcp_server.h"

namespace nxgate::forward {
namespace {

using Kind = ChannelFailure::Kind;

TEST_F(Pool, AConnectionIsUsedAgain) {
  TcpPeer peer = used();
  for (int i = 0; i < 20; ++i) {
    TestQuery query(i);
    submit(query);
    run(Milliseconds(2));
    EXPECT_TRUE(answer_all(peer));
    run(Milliseconds(2));
    EXPECT_TRUE(query.answered) << i;
  }
  EXPECT_FALSE(server_.accept());
  EXPECT_EQ(*resources_->connections, 1U);
}

TEST_F(Pool, AnswersComeInAnyOrderAndInAnyPieces) {
  std::vector<TestQuery> queries(3);
  for (TestQuery& query : queries) submit(query);
  TcpPeer peer = accept();
  run();
  const auto asked = peer.queries();
  ASSERT_EQ(asked.size(), 3U);
  std::set<int> ids;
  Packet all;
  for (auto query = asked.rbegin(); query != asked.rend(); ++query) {
    ids.insert((*query)[0] << 8 | (*query)[1]);
    const Packet answer = TcpPeer::framed(address_reply(*query));
    all.insert(all.end(), answer.begin(), answer.end());
  }
  EXPECT_EQ(ids.size(), 3U);
  for (const std::uint8_t byte : all) {
    peer.send({byte});
    run(Milliseconds(1));
  }
  for (const TestQuery& query : queries) EXPECT_TRUE(query.answered);
  EXPECT_EQ(pool_->connections(), 1U);
}

TEST_F(Pool, OneThatIsClosedWhileIdleIsForgotten) {
  used().close();
  run();
  EXPECT_EQ(pool_->connections(), 0U);
  used();
  EXPECT_EQ(server_.accepted(), 2U);
}

TEST_F(Pool, AQueryIsSentAgainOnceWhenAUsedConnectionTurnsOutToBeClosed) {
  for (const bool half_an_answer : {false, true}) {
    TcpPeer old = used();
    TestQuery query(1);
    submit(query);
    run();
    const auto first = old.queries();
    ASSERT_EQ(first.size(), 1U);
    if (half_an_answer) old.send({0, 40, 1, 2, 3});
    old.close();
    TcpPeer fresh = accept();
    run();
    const auto second = fresh.queries();
    ASSERT_EQ(second.size(), 1U);
    EXPECT_FALSE(query.failure);
    if (half_an_answer) {
      fresh.close();
      run();
      EXPECT_TRUE(query.failed(Kind::kClosed)) << "not a third time";
    } else {
      fresh.answer(second[0]);
      run();
      EXPECT_TRUE(query.answered);
      fresh.close();
      run();
    }
  }
}

TEST_F(Pool, AFreshConnectionThatIsClosedIsAFailure) {
  TestQuery query;
  submit(query);
  accept().close();
  run();
  EXPECT_TRUE(query.failed(Kind::kClosed));
  EXPECT_FALSE(server_.accept());
  EXPECT_EQ(pool_->connections(), 0U);
}

TEST_F(Pool, JunkCostsTheConnection) {
  const auto echo = [](const Packet& query) { return TcpPeer::framed(query); };
  const auto another_id = [](const Packet& query) {
    Packet reply = address_reply(query);
    reply[0] ^= 1;
    return TcpPeer::framed(reply);
  };
  const auto another_name = [](const Packet& query) {
    Packet reply = address_reply(query);
    reply[13] ^= 1;
    return TcpPeer::framed(reply);
  };
  const auto too_short = [](const Packet&) { return Packet{0, 11}; };
  for (const auto& junk : std::initializer_list<Packet (*)(const Packet&)>{
           +echo, +another_id, +another_name, +too_short}) {
    TcpPeer peer = used();
    TestQuery query(1);
    submit(query);
    run();
    peer.send(junk(peer.queries().at(0)));
    run();
    EXPECT_TRUE(query.failed(Kind::kJunk));
    EXPECT_TRUE(peer.closed());
    EXPECT_EQ(pool_->connections(), 0U);
  }
}

TEST_F(Pool, WhatNobodyAskedForCostsAnIdleConnection) {
  TcpPeer peer = used();
  peer.send(TcpPeer::framed(Packet(64)));
  run();
  EXPECT_TRUE(peer.closed());
}

TEST_F(Pool, TheLateAnswerOfACancelledQueryIsNoJunk) {
  TcpPeer peer = used();
  TestQuery cancelled(1);
  TestQuery query(2);
  submit(cancelled);
  submit(query);
  run();
  cancelled.cancel();
  EXPECT_TRUE(answer_all(peer));
  run();
  EXPECT_TRUE(query.answered);
  EXPECT_FALSE(cancelled.answered || cancelled.failure);
  EXPECT_FALSE(peer.closed());
}

TEST_F(Pool, ASilentConnectionIsNotReliedOn) {
  TcpPeer silent = used();
  TestQuery lost(1);
  submit(lost);
  run(TcpConnection::kStalledAfter + Milliseconds(50));
  TestQuery query(2);
  submit(query);
  TcpPeer peer = accept();
  run();
  EXPECT_TRUE(answer_all(peer));
  run();
  EXPECT_TRUE(query.answered);
  lost.cancel();
  EXPECT_TRUE(silent.closed());
  EXPECT_EQ(pool_->connections(), 1U);
}

}  // namespace
}  // namespace nxgate::forward
