#include "serve/rush.h"

#include <chrono>

#include <gtest/gtest.h>

#include "base/clock.h"

namespace nxgate::serve {
namespace {

using std::chrono::microseconds;

class RushTest : public testing::Test {
 protected:
  /// A batch, so much later than the last one.
  bool batch(std::size_t count, microseconds later) {
    now_ += later;
    return rush_.on(count, now_);
  }
  /// Batches of four, at `pace`, for two hundred messages; whether a rush is on at their end.
  bool batches_of_four(microseconds pace) {
    bool on = false;
    for (int i = 0; i < 50; ++i) on = batch(4, pace);
    return on;
  }

  Rush rush_;
  Instant now_{Seconds(1000)};
};

TEST_F(RushTest, IsOnFromSixtyFourMessagesWithinAMillisecond) {
  for (int i = 0; i < 15; ++i) EXPECT_FALSE(batch(4, microseconds(20)));
  EXPECT_TRUE(batch(4, microseconds(20)));
}

TEST_F(RushTest, IsNotOnWhenTheyComeSlower) { EXPECT_FALSE(batches_of_four(microseconds(80))); }

TEST_F(RushTest, GoesOnAtHalfTheRateThatItTakesToBegin) {
  ASSERT_TRUE(batches_of_four(microseconds(20)));
  EXPECT_TRUE(batches_of_four(microseconds(120)));
  EXPECT_FALSE(batches_of_four(microseconds(160)));
}

TEST_F(RushTest, EndsWhenNothingComes) {
  ASSERT_TRUE(batches_of_four(microseconds(20)));
  EXPECT_FALSE(batch(0, microseconds(20)));
  EXPECT_FALSE(batch(4, microseconds(20)));
}

TEST_F(RushTest, AFullBatchAloneIsOne) { EXPECT_TRUE(batch(64, microseconds(20))); }

}  // namespace
}  // namespace nxgate::serve
