#include "engine/name_budget.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/client_key.h"
#include "base/clock.h"
#include "wire/name.h"

namespace nxgate::engine {
namespace {

constexpr Instant kNow{std::chrono::hours(1)};

wire::DomainName name(int number, const std::string& zone = "example.com") {
  return *wire::DomainName::from_text("n" + std::to_string(number) + "." + zone);
}

/// How many of the next names the client may ask.
int spent(NameBudget& budget, std::uint64_t client, int from, int count, Instant now,
          const std::string& zone = "example.com") {
  int good = 0;
  for (int i = from; i < from + count; ++i) {
    if (budget.spend({client}, name(i, zone), 60, now)) ++good;
  }
  return good;
}

TEST(NameBudget, NewNamesCountAndOldOnesDoNot) {
  NameBudget budget;
  EXPECT_EQ(spent(budget, 1, 0, 200, kNow), 60);
  EXPECT_EQ(spent(budget, 1, 0, 60, kNow), 60) << "seen";
}

TEST(NameBudget, RefillsWithinAMinute) {
  NameBudget budget;
  (void)spent(budget, 1, 0, 200, kNow);
  EXPECT_EQ(spent(budget, 1, 1000, 200, kNow + Seconds(30)), 30);
  EXPECT_EQ(spent(budget, 1, 2000, 200, kNow + Seconds(600)), 60);
}

TEST(NameBudget, IsOneForEachClientAndRegisteredDomain) {
  NameBudget budget;
  EXPECT_EQ(spent(budget, 1, 0, 100, kNow, "a.example.co.uk"), 60);
  EXPECT_EQ(spent(budget, 1, 0, 100, kNow, "b.example.co.uk"), 0) << "the same domain";
  EXPECT_EQ(spent(budget, 1, 0, 100, kNow, "other.co.uk"), 60);
  EXPECT_EQ(spent(budget, 2, 0, 100, kNow, "a.example.co.uk"), 60);
}

TEST(NameBudget, ForgetsTheOldestNamesAndLetsNothingPassForThat) {
  NameBudget budget;
  Instant now = kNow;
  for (int i = 0; i < 20000; i += 60) {
    ASSERT_EQ(spent(budget, 1, i, 60, now), 60);
    now += std::chrono::minutes(1);
  }
  (void)spent(budget, 1, 50000, 60, now);
  EXPECT_EQ(spent(budget, 1, 0, 60, now), 0) << "new again, and the budget is used up";
}

TEST(NameBudget, IsOneForAZoneThatPrivateSuffixesDivide) {
  NameBudget budget;
  EXPECT_EQ(spent(budget, 1, 0, 100, kNow, "github.io"), 60);
  EXPECT_EQ(spent(budget, 1, 0, 100, kNow, "lan"), 60) << "no suffix at all";
}

TEST(NameBudget, AClockThatLagsBehindRefillsNothing) {
  NameBudget budget;
  ASSERT_EQ(spent(budget, 1, 0, 60, kNow), 60);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(spent(budget, 1, 1000 + i, 1, kNow - Milliseconds(500 * (i % 2))), 0);
  }
}

TEST(NameBudget, HoldsNoMoreThanItsBounds) {
  NameBudget budget;
  Instant now = kNow;
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_EQ(spent(budget, 1, i, 1, now, "d" + std::to_string(i) + ".com"), 1);
    now += Milliseconds(1);
  }
  EXPECT_LE(budget.size(), NameBudget::kMostNames + NameBudget::kMostDomains) << "of one shard";
}

TEST(NameBudget, ThoseThatFindNoRoomShareABucket) {
  NameBudget budget;
  int good = 0;
  for (std::size_t i = 0; i < 2 * NameBudget::kMostDomains; ++i) {
    good += spent(budget, 1, 0, 1, kNow, "d" + std::to_string(i) + ".com");
  }
  EXPECT_EQ(good, NameBudget::kMostDomains + 60);
}

TEST(NameBudget, ABucketGivesWayOnlyOnceItIsFullAgain) {
  NameBudget budget;
  const std::string zones[] = {"a.com", "b.com", "c.com", "d.com", "e.com", "f.com", "g.com"};
  for (const std::string& zone : zones) ASSERT_EQ(spent(budget, 1, 0, 60, kNow, zone), 60);
  for (std::size_t i = 0; i < 2 * NameBudget::kMostDomains; ++i) {
    (void)spent(budget, 1, 0, 1, kNow, "www" + std::to_string(i) + ".com");
    for (const std::string& zone : zones) {
      ASSERT_EQ(spent(budget, 1, 1000, 1, kNow, zone), 0) << zone << " after " << i;
    }
  }
}

TEST(NameBudget, HoldsUnderManyThreads) {
  NameBudget budget;
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] { good += spent(budget, 1, t * 1000, 500, kNow); });
    }
  }
  EXPECT_EQ(good, 60);
}

}  // namespace
}  // namespace nxgate::engine
