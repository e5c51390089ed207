#include "forward/health.h"

#include <tuple>

#include <gtest/gtest.h>

namespace nxgate::forward {
namespace {

TEST(GroupHealth, FastestFirstAndTheOthersGetTheirTurn) {
  GroupHealth group(3);
  const Instant now = Clock::now();
  group.server(0).answered(now, Microseconds(2000));
  group.server(1).answered(now, Microseconds(1000));
  group.server(2).answered(now, Microseconds(3000));
  EXPECT_EQ(group.plan(now), (Plan{1, 0, 2}));
  for (int i = 0; i < 100; ++i) std::ignore = group.plan(now);
  EXPECT_NE(group.plan(now).front(), 1U);
}

TEST(ServerHealth, GoesDownAndComesBack) {
  const Instant now = Clock::now();
  ServerHealth fresh;
  fresh.missed(now, Microseconds(1));
  EXPECT_TRUE(fresh.down(now));
  EXPECT_TRUE(fresh.claim_probe(now));
  EXPECT_FALSE(fresh.claim_probe(now));
  fresh.reached(now);
  EXPECT_FALSE(fresh.down(now));
  EXPECT_EQ(fresh.recovered(), now);

  ServerHealth proven;
  proven.answered(now, Microseconds(1));
  proven.missed(now + Seconds(1), Microseconds(1));
  proven.missed(now + Seconds(2), Microseconds(1));
  EXPECT_FALSE(proven.down(now + Seconds(2)));
  proven.missed(now + Seconds(3), Microseconds(1));
  EXPECT_TRUE(proven.down(now + Seconds(3)));
  EXPECT_FALSE(proven.down(now + Seconds(9)));
}

TEST(ServerHealth, WhatFailsAtOnceIsOneMiss) {
  const Instant now = Clock::now();
  ServerHealth proven;
  proven.answered(now, Microseconds(1));
  for (int i = 0; i < 64; ++i) proven.missed(now + Seconds(1), Microseconds(0));
  EXPECT_FALSE(proven.down(now + Seconds(1)));
}

}  // namespace
}  // namespace nxgate::forward
