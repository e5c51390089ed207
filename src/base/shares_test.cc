#include "base/shares.h"

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/client_key.h"

namespace nxgate {
namespace {

/// How many times the client may take one more.
std::size_t greed(Shares& shares, ClientKey client) {
  std::size_t count = 0;
  while (shares.take(client)) ++count;
  return count;
}

TEST(Shares, AGreedyClientLeavesAsMuchAsItHolds) {
  Shares shares(100);
  EXPECT_EQ(greed(shares, {1}), 50U);
  EXPECT_EQ(greed(shares, {2}), 25U);
  EXPECT_EQ(greed(shares, {1}), 0U) << "who holds more than is left gets no more";
  EXPECT_TRUE(shares.take({3}));
  EXPECT_EQ(shares.taken(), 76U);
  EXPECT_EQ(shares.refusals(), 3U);
}

TEST(Shares, WhatIsGivenBackIsForAll) {
  Shares shares(100);
  const std::size_t held = greed(shares, {1});
  for (std::size_t i = 0; i < held; ++i) shares.give_back({1});
  EXPECT_EQ(shares.taken(), 0U);
  EXPECT_TRUE(shares.take({2}, 50));
  EXPECT_FALSE(shares.take({2}, 1));
}

TEST(Shares, OneClientHasABoundOfItsOwn) {
  Shares shares(1000, 10);
  EXPECT_EQ(greed(shares, {1}), 10U);
  EXPECT_EQ(greed(shares, {2}), 10U);
}

TEST(Shares, ManySmallOnesMayHaveItAll) {
  Shares shares(100);
  std::size_t taken = 0;
  for (std::uint64_t client = 1; client <= 200; ++client) taken += shares.take({client});
  EXPECT_EQ(taken, 100U);
}

TEST(Shares, HoldsUnderManyThreads) {
  Shares shares(100);
  std::atomic<std::size_t> most = 0;
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t client = 1; client <= 4; ++client) {
      threads.emplace_back([&shares, &most, client] {
        for (int i = 0; i < 20'000; ++i) {
          if (!shares.take({client}, 5)) continue;
          std::size_t seen = most;
          const std::size_t taken = shares.taken();
          while (taken > seen && !most.compare_exchange_weak(seen, taken)) {
          }
          shares.give_back({client}, 5);
        }
      });
    }
  }
  EXPECT_EQ(shares.taken(), 0U);
  EXPECT_GT(most, 0U);
}

}  // namespace
}  // namespace nxgate
