#include "serve/busy_poll.h"

#include <chrono>

#include <gtest/gtest.h>

#include "base/clock.h"

namespace nxgate::serve {
namespace {

using std::chrono::microseconds;

class BusyPollTest : public testing::Test {
 protected:
  /// A batch, so much later than the last one.
  bool batch(std::size_t count, microseconds later) {
    now_ += later;
    return busy_poll_.on(count, now_);
  }
  /// Batches of four, at `pace`; whether busy polling is on at their end.
  bool fours(int batches, microseconds pace) {
    bool on = false;
    for (int i = 0; i < batches; ++i) on = batch(4, pace);
    return on;
  }

  BusyPoll busy_poll_;
  Instant now_{Seconds(1000)};
};

TEST_F(BusyPollTest, IsOnOnceSixtyFourCameWithinAMillisecondSixteenTimesInARow) {
  // The first sixty-four only tell since when.
  EXPECT_FALSE(fours(17 * 16 - 1, microseconds(60)));
  EXPECT_TRUE(batch(4, microseconds(60)));
}

TEST_F(BusyPollTest, IsNotOnWhenTheyComeSlower) { EXPECT_FALSE(fours(1000, microseconds(80))); }

TEST_F(BusyPollTest, GoesOnAtHalfTheRateThatItTakesToBegin) {
  ASSERT_TRUE(fours(1000, microseconds(20)));
  EXPECT_TRUE(fours(100, microseconds(120)));
  EXPECT_FALSE(fours(100, microseconds(160)));
}

TEST_F(BusyPollTest, EndsWhenNothingComes) {
  ASSERT_TRUE(fours(1000, microseconds(20)));
  EXPECT_FALSE(batch(0, microseconds(20)));
  EXPECT_FALSE(fours(16, microseconds(20)));
}

TEST_F(BusyPollTest, BurstsWithPausesBetweenAreNone) {
  for (int burst = 0; burst < 100; ++burst) {
    now_ += microseconds(3000);
    for (int i = 0; i < 10; ++i) ASSERT_FALSE(batch(64, microseconds(20)));
  }
}

}  // namespace
}  // namespace nxgate::serve
