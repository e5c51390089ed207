#include "serve/pressure.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace nxgate::serve {
namespace {

class PressureTest : public testing::Test {
 protected:
  /// A batch so long after the last one.
  bool sheds(bool full, Milliseconds later = Milliseconds(1)) {
    now_ += later;
    return pressure_.sheds(full, now_, [this] { return dropped_; });
  }
  /// Full batches for so long; whether any was shed.
  bool sheds_for(Milliseconds time) {
    bool any = false;
    for (Milliseconds passed{0}; passed < time; passed += Milliseconds(1)) any |= sheds(true);
    return any;
  }

  Pressure pressure_;
  Instant now_ = Clock::now();
  std::uint32_t dropped_ = 7;
};

TEST_F(PressureTest, ABurstThatFitsIsNoOverload) { EXPECT_FALSE(sheds_for(Milliseconds(5000))); }

TEST_F(PressureTest, WhatTheKernelDroppedBeforeIsNoOverload) {
  EXPECT_FALSE(sheds_for(Milliseconds(50)));
  EXPECT_FALSE(sheds(false));
  ++dropped_;
  EXPECT_FALSE(sheds_for(Milliseconds(500)));
}

TEST_F(PressureTest, AnEmptySocketEndsALag) {
  EXPECT_FALSE(sheds(true));
  ++dropped_;
  pressure_.caught_up();
  EXPECT_FALSE(sheds(true, Seconds(3600)));
}

TEST_F(PressureTest, ShedsOnceItLagsBehindAndTheKernelDrops) {
  EXPECT_FALSE(sheds(true));
  ++dropped_;
  EXPECT_FALSE(sheds_for(Pressure::kPatience - Milliseconds(1)));
  EXPECT_TRUE(sheds(true));
  EXPECT_TRUE(sheds(true));
}

TEST_F(PressureTest, ABatchThatIsNotFullIsAnsweredWhole) {
  (void)sheds(true);
  ++dropped_;
  EXPECT_TRUE(sheds_for(Milliseconds(200)));
  EXPECT_FALSE(sheds(false));
  EXPECT_TRUE(sheds(true));
}

TEST_F(PressureTest, EndsWhenNoBatchWasFullForAWhile) {
  (void)sheds(true);
  ++dropped_;
  EXPECT_TRUE(sheds_for(Milliseconds(200)));
  EXPECT_FALSE(sheds(false, Pressure::kLinger));
  EXPECT_FALSE(sheds_for(Milliseconds(1000)));
}

}  // namespace
}  // namespace nxgate::serve
