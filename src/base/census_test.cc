#include "base/census.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/client_key.h"
#include "base/clock.h"

namespace nxgate {
namespace {

constexpr ClientKey kOne{1};
constexpr ClientKey kTwo{2};

TEST(Census, EvictsTheLongestIdleOfWhoHoldsMost) {
  Census census({.connections = 3, .per_client = 3});
  std::string evicted;
  std::vector<Census::Place> places;
  for (const char name : {'a', 'b', 'c'}) {
    places.push_back(
        *census.admit(name == 'a' ? kTwo : kOne, [&evicted, name] { evicted += name; }));
  }
  const Instant now = Clock::now();
  places[0].idle(now - Seconds(3));
  places[1].idle(now - Seconds(1));
  places[2].idle(now - Seconds(2));
  auto fourth = census.admit(kTwo, [] {});
  EXPECT_TRUE(fourth);
  EXPECT_EQ(evicted, "c");
  EXPECT_EQ(census.connections(), 3U);
  EXPECT_EQ(census.closing(), 1U) << "until its loop has closed it";
  for (auto* const place : {&places[0], &places[1], &*fourth}) place->busy(now);
  EXPECT_FALSE(census.admit(kTwo, [] {})) << "it holds most itself";
  EXPECT_EQ(census.turned_away(Census::Bound::kAll), 2U);
  places.clear();
  EXPECT_EQ(census.connections(), 1U);
  EXPECT_EQ(census.closing(), 0U);
}

TEST(Census, AGreedyClientGivesWayThoughItIsBusy) {
  Census census({.connections = 4, .per_client = 4});
  std::string evicted;
  std::vector<Census::Place> places;
  const Instant now = Clock::now();
  for (const char name : {'a', 'b', 'c', 'd'}) {
    places.push_back(*census.admit(kOne, [&evicted, name] { evicted += name; }));
    places.back().busy(now - Seconds(name == 'b' ? 5 : 1));
  }
  auto first = census.admit(kTwo, [] { FAIL(); });
  ASSERT_TRUE(first);
  EXPECT_EQ(evicted, "b") << "the one that stalled longest";
  first->busy(now - Seconds(9));
  auto second = census.admit(kTwo, [] { FAIL(); });
  ASSERT_TRUE(second);
  second->busy(now - Seconds(9));
  EXPECT_FALSE(census.admit(kTwo, [] {})) << "each holds half";
  EXPECT_FALSE(census.admit(kOne, [] {}));
  EXPECT_EQ(evicted.size(), 2U);
}

TEST(Census, KeepsAClientToItsShare) {
  Census census({.connections = 100, .per_client = 1});
  int evicted = 0;
  auto other = census.admit(kTwo, [&] { evicted += 100; });
  auto first = census.admit(kOne, [&] { ++evicted; });
  auto second = census.admit(kOne, [&] { ++evicted; });
  EXPECT_TRUE(second);
  EXPECT_EQ(evicted, 1);
  second->busy(Clock::now());
  EXPECT_FALSE(census.admit(kOne, [] {}));
  EXPECT_EQ(census.turned_away(Census::Bound::kClient), 2U);
  first.reset();
  second.reset();
  EXPECT_TRUE(census.admit(kOne, [] {}));
  EXPECT_EQ(census.connections(), 1U);
}

}  // namespace
}  // namespace nxgate
