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
  Shares shares(80);
  EXPECT_EQ(greed(shares, {1}), 35U);
  EXPECT_EQ(greed(shares, {2}), 18U);
  EXPECT_EQ(greed(shares, {1}), 0U) << "who holds more than is left gets no more";
  EXPECT_TRUE(shares.take({3}));
  EXPECT_EQ(shares.taken(), 54U);
  EXPECT_EQ(shares.refusals(), 3U);
}

TEST(Shares, WhatIsGivenBackIsForAll) {
  Shares shares(80);
  const std::size_t held = greed(shares, {1});
  for (std::size_t i = 0; i < held; ++i) shares.give_back({1});
  EXPECT_EQ(shares.taken(), 0U);
  EXPECT_TRUE(shares.take({2}, 70));
  EXPECT_FALSE(shares.take({2}, 1));
  EXPECT_FALSE(shares.take({3}, 11));
}

TEST(Shares, OneClientHasABoundOfItsOwn) {
  Shares shares(1000, 10);
  EXPECT_EQ(greed(shares, {1}), 10U);
  EXPECT_EQ(greed(shares, {2}), 10U);
}

TEST(Shares, ManyGreedyOnesLeaveSomethingForANewOne) {
  Shares shares(4096);
  std::size_t clients = 0;
  while (greed(shares, {1000 + clients}) > 16) ++clients;
  EXPECT_GT(clients, 5U);
  EXPECT_LE(shares.taken(), 4096U * 7 / 8 + 16);
  for (std::uint64_t client = 1; client <= 20; ++client) {
    EXPECT_GE(greed(shares, {client}), 16U) << client;
  }
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
