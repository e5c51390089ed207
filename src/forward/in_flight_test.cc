#include "forward/in_flight.h"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace nxgate::forward {
namespace {

using engine::UpstreamFailure;
using engine::UpstreamResult;

cache::Key key_of(std::uint64_t number) {
  cache::Key key;
  key.hash = number;
  key.question.type = wire::Type{static_cast<std::uint16_t>(number)};
  return key;
}

TEST(InFlight, IsBounded) {
  boost::asio::io_context loop;
  InFlight table({.questions = 2, .waiters = 3});
  int called = 0;
  const auto join = [&](std::uint64_t number) {
    engine::UpstreamCallback done = [&called](const UpstreamResult&) { ++called; };
    return table.join(key_of(number), loop, done);
  };
  EXPECT_EQ(join(1), InFlight::Joined::kFirst);
  EXPECT_EQ(join(2), InFlight::Joined::kFirst);
  EXPECT_EQ(join(3), InFlight::Joined::kFull);
  EXPECT_EQ(join(1), InFlight::Joined::kJoined);
  EXPECT_EQ(join(1), InFlight::Joined::kFull);
  table.finish(key_of(1), loop, {});
  EXPECT_EQ(called, 2);
  EXPECT_EQ(join(3), InFlight::Joined::kFirst);
}

TEST(InFlight, LeavingFailsThoseWhoWaitElsewhere) {
  boost::asio::io_context asker;
  boost::asio::io_context other;
  InFlight table({});
  UpstreamFailure failure{};
  engine::UpstreamCallback never = [](const UpstreamResult&) { FAIL(); };
  engine::UpstreamCallback told = [&](const UpstreamResult& result) { failure = result.failure; };
  EXPECT_EQ(table.join(key_of(1), asker, never), InFlight::Joined::kFirst);
  EXPECT_EQ(table.join(key_of(1), other, told), InFlight::Joined::kJoined);
  table.leave(asker);
  asker.run();
  EXPECT_EQ(failure, UpstreamFailure::kNone);
  other.run();
  EXPECT_EQ(failure, UpstreamFailure::kOverload);
  EXPECT_EQ(table.questions(), 0U);
}

}  // namespace
}  // namespace nxgate::forward
