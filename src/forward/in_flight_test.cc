#include "forward/in_flight.h"

#include <cstdint>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "base/client_key.h"

namespace nxgate::forward {
namespace {

using engine::UpstreamFailure;
using engine::UpstreamResult;

constexpr ClientKey kOne{1};
constexpr ClientKey kTwo{2};

cache::Key key_of(std::uint64_t number) {
  cache::Key key;
  key.hash = number;
  key.question.type = wire::Type{static_cast<std::uint16_t>(number)};
  return key;
}

class Table {
 public:
  explicit Table(const InFlight::Limits& limits) : table(limits) {}
  InFlight::Joined join(std::uint64_t number, ClientKey client) {
    engine::UpstreamCallback done = [this](const UpstreamResult&) { ++called; };
    return table.join(key_of(number), client, loop, done);
  }
  void finish(std::uint64_t number) { table.finish(key_of(number), loop, {}); }

  boost::asio::io_context loop;
  InFlight table;
  int called = 0;
};

TEST(InFlight, JoinsEqualQuestions) {
  Table table({});
  EXPECT_EQ(table.join(1, kOne), InFlight::Joined::kFirst);
  EXPECT_EQ(table.join(1, kTwo), InFlight::Joined::kJoined);
  EXPECT_EQ(table.table.questions().taken(), 1U);
  EXPECT_EQ(table.table.waiters().taken(), 2U);
  table.finish(1);
  EXPECT_EQ(table.called, 2);
  EXPECT_EQ(table.table.questions().taken(), 0U);
  EXPECT_EQ(table.table.waiters().taken(), 0U);
}

TEST(InFlight, AGreedyClientLeavesRoomForOthers) {
  Table table({.questions = 20, .waiters = 40, .waiters_of_client = 15});
  std::uint64_t next = 1;
  while (table.join(next, kOne) != InFlight::Joined::kFull) ++next;
  EXPECT_EQ(table.table.questions().taken(), 9U) << "as many as are left, but for two";
  EXPECT_EQ(table.table.waiters().taken(), 9U) << "the refused one doesn't wait";
  while (table.join(1, kOne) != InFlight::Joined::kFull) {
  }
  EXPECT_EQ(table.table.waiters().taken(), 15U) << "all that one client may have";
  for (int i = 0; i < 5; ++i) EXPECT_EQ(table.join(next++, kTwo), InFlight::Joined::kFirst);
  table.finish(1);
  EXPECT_EQ(table.called, 7);
}

TEST(InFlight, LeavingFailsThoseWhoWaitElsewhere) {
  boost::asio::io_context asker;
  boost::asio::io_context other;
  InFlight table({});
  UpstreamFailure failure{};
  engine::UpstreamCallback never = [](const UpstreamResult&) { FAIL(); };
  engine::UpstreamCallback told = [&](const UpstreamResult& result) { failure = result.failure; };
  EXPECT_EQ(table.join(key_of(1), kOne, asker, never), InFlight::Joined::kFirst);
  EXPECT_EQ(table.join(key_of(1), kTwo, other, told), InFlight::Joined::kJoined);
  table.leave(asker);
  asker.run();
  EXPECT_EQ(failure, UpstreamFailure::kNone);
  other.run();
  EXPECT_EQ(failure, UpstreamFailure::kOverload);
  EXPECT_EQ(table.questions().taken(), 0U);
  EXPECT_EQ(table.waiters().taken(), 0U);
}

}  // namespace
}  // namespace nxgate::forward
