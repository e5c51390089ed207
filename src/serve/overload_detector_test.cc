#include "serve/overload_detector.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace nxgate::serve {
namespace {

class OverloadDetectorTest : public testing::Test {
 protected:
  /// A batch so long after the last one.
  bool sheds(bool full, Milliseconds later = Milliseconds(1)) {
    now_ += later;
    return overload_.sheds(full, now_, [this] { return dropped_; });
  }
  /// Full batches for so long; whether any was shed.
  bool sheds_for(Milliseconds time) {
    bool any = false;
    for (Milliseconds passed{0}; passed < time; passed += Milliseconds(1)) any |= sheds(true);
    return any;
  }

  OverloadDetector overload_;
  Instant now_ = Clock::now();
  std::uint32_t dropped_ = 7;
};

TEST_F(OverloadDetectorTest, ABurstThatFitsIsNoOverload) {
  EXPECT_FALSE(sheds_for(Milliseconds(5000)));
}

TEST_F(OverloadDetectorTest, WhatTheKernelDroppedBeforeIsNoOverload) {
  EXPECT_FALSE(sheds_for(Milliseconds(50)));
  EXPECT_FALSE(sheds(false));
  ++dropped_;
  EXPECT_FALSE(sheds_for(Milliseconds(500)));
}

TEST_F(OverloadDetectorTest, AnEmptySocketEndsALag) {
  EXPECT_FALSE(sheds(true));
  ++dropped_;
  overload_.caught_up();
  EXPECT_FALSE(sheds(true, Seconds(3600)));
}

TEST_F(OverloadDetectorTest, ShedsOnceItLagsBehindAndTheKernelDrops) {
  EXPECT_FALSE(sheds(true));
  ++dropped_;
  EXPECT_FALSE(sheds_for(OverloadDetector::kPatience - Milliseconds(1)));
  EXPECT_TRUE(sheds(true));
  EXPECT_TRUE(sheds(true));
}

TEST_F(OverloadDetectorTest, ABatchThatIsNotFullIsAnsweredWhole) {
  (void)sheds(true);
  ++dropped_;
  EXPECT_TRUE(sheds_for(Milliseconds(200)));
  EXPECT_FALSE(sheds(false));
  EXPECT_TRUE(sheds(true));
}

TEST_F(OverloadDetectorTest, EndsWhenNoBatchWasFullForAWhile) {
  (void)sheds(true);
  ++dropped_;
  EXPECT_TRUE(sheds_for(Milliseconds(200)));
  EXPECT_FALSE(sheds(false, OverloadDetector::kLinger));
  EXPECT_FALSE(sheds_for(Milliseconds(1000)));
}

}  // namespace
}  // namespace nxgate::serve
