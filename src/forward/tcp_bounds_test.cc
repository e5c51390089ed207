// What the TCP connections to a server may cost, and what happens at each bound.
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "forward/channel.h"
#include "forward/tcp_connection.h"
#include "forward/tcp_fixture.h"
#include "forward/tcp_pool.h"
#include "forward/tcp_server.h"

namespace nxgate::forward {
namespace {

using Kind = ChannelFailure::Kind;

std::size_t answered(const std::vector<TestQuery>& queries) {
  return static_cast<std::size_t>(std::ranges::count_if(queries, &TestQuery::answered));
}

TEST_F(Pool, MoreQueriesThanThereIsRoomForWaitInOrder) {
  constexpr int kQueries = 3000;
  std::vector<TestQuery> queries(kQueries);
  for (TestQuery& query : queries) submit(query);
  std::vector<TcpPeer> peers;
  std::vector<std::size_t> most(TcpPool::kMostConnections);
  for (int turn = 0; turn < 1000 && answered(queries) < kQueries; ++turn) {
    run(Milliseconds(1));
    while (auto peer = server_.accept()) peers.push_back(*std::move(peer));
    for (std::size_t i = 0; i < peers.size(); ++i) {
      const auto asked = peers[i].queries();
      most.at(i) = std::max(most.at(i), asked.size());
      for (const Packet& query : asked) peers[i].answer(query);
    }
  }
  EXPECT_EQ(answered(queries), queries.size());
  EXPECT_LE(peers.size(), TcpPool::kMostConnections);
  EXPECT_GT(std::ranges::max(most), TcpPool::kBusy) << "it gets more, as it answers";
  EXPECT_LE(std::ranges::max(most), TcpConnection::kMostQueries);
}

TEST_F(Pool, AServerThatAnswersOneQueryAConnectionIsServedToo) {
  std::vector<TestQuery> queries(100);
  for (TestQuery& query : queries) submit(query);
  std::vector<TcpPeer> peers;
  for (int turn = 0; turn < 500 && answered(queries) < queries.size(); ++turn) {
    run(Milliseconds(2));
    while (auto peer = server_.accept()) peers.push_back(*std::move(peer));
    std::erase_if(peers, [](TcpPeer& peer) {
      const auto asked = peer.queries();
      if (!asked.empty()) peer.answer(asked[0]);
      return !asked.empty();
    });
  }
  EXPECT_EQ(answered(queries), queries.size());
  EXPECT_LE(server_.accepted(), queries.size() + TcpPool::kMostConnections);
}

TEST_F(Pool, CancelledQueriesLeaveNothingBehind) {
  std::vector<TestQuery> queries(2000);
  for (TestQuery& query : queries) submit(query);
  run();
  for (TestQuery& query : queries) query.cancel();
  EXPECT_LE(pool_->connections(), TcpPool::kMostConnections);
  run(TcpConnection::kStalledAfter);
  TestQuery query;
  submit(query);
  std::vector<TcpPeer> peers;
  while (auto peer = server_.accept()) peers.push_back(*std::move(peer));
  run();
  while (auto peer = server_.accept()) peers.push_back(*std::move(peer));
  for (TcpPeer& peer : peers) answer_all(peer);
  run();
  EXPECT_TRUE(query.answered);
}

TEST_F(Pool, ConnectionsOfAWorkerAreBounded) {
  *resources_->connections += TcpPool::kMostOfWorker;
  TestQuery query;
  submit(query);
  ASSERT_TRUE(query.failed(Kind::kNetwork));
  EXPECT_EQ(query.failure->error, EMFILE);
  *resources_->connections -= TcpConnection::kMostIdle;
  used();
  EXPECT_EQ(pool_->connections(), 0U) << "none is kept idle when there are many";
}

TEST_F(Pool, ARefusedConnectionFailsAtOnce) {
  Endpoint nobody;
  {
    const TcpServer gone;
    nobody = gone.endpoint();
  }
  const auto pool = std::make_shared<TcpPool>(*resources_, nobody, sys::NetnsRef());
  std::vector<TestQuery> queries(3);
  for (TestQuery& query : queries) pool->submit(query, Clock::now());
  run();
  for (const TestQuery& query : queries) {
    ASSERT_TRUE(query.failed(Kind::kNetwork));
    EXPECT_EQ(query.failure->error, ECONNREFUSED);
  }
  EXPECT_EQ(pool->connections(), 0U);
}

/// A server whose queue of connections is full: the kernel leaves the next SYN unanswered.
class HalfOpen : public Pool {
 protected:
  HalfOpen() : full_(0) {
    // One more than the backlog is taken in.
    first_ = std::make_shared<TcpPool>(*resources_, full_.endpoint(), sys::NetnsRef());
    first_->submit(taken_, Clock::now());
    run();
    pool_ = std::make_shared<TcpPool>(*resources_, full_.endpoint(), sys::NetnsRef());
  }

  TcpServer full_;
  TestQuery taken_;
  std::shared_ptr<TcpPool> first_;
};

TEST_F(HalfOpen, AConnectionThatIsNotThereInTimeFails) {
  TestQuery query;
  submit(query);
  run(TcpConnection::kLongestConnect - Milliseconds(200));
  EXPECT_FALSE(query.failure);
  run(Milliseconds(400));
  ASSERT_TRUE(query.failed(Kind::kNetwork));
  EXPECT_EQ(query.failure->error, ETIMEDOUT);
  taken_.cancel();
}

TEST_F(HalfOpen, OneThatNobodyWaitsForAnyMoreIsGivenUp) {
  TestQuery query;
  submit(query);
  run(TcpConnection::kStalledAfter + Milliseconds(50));
  EXPECT_EQ(pool_->connections(), 1U);
  query.cancel();
  EXPECT_EQ(pool_->connections(), 0U);
  taken_.cancel();
}

TEST_F(Pool, QueriesMayOutliveTheResources) {
  used();
  TestQuery query;
  submit(query);
  run();
  resources_.reset();
  query.cancel();
  pool_.reset();
}

}  // namespace
}  // namespace nxgate::forward
