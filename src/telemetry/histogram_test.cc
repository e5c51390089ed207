#include "telemetry/histogram.h"

#include <array>
#include <chrono>
#include <cstdint>

#include <gtest/gtest.h>

namespace nxgate::telemetry {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

constexpr std::array<std::uint32_t, 2> kBounds{10, 1'000};

TEST(Histogram, ABoundIsTheLastOfItsBucket) {
  Histogram<kBounds> histogram;
  histogram.add(microseconds(10));
  histogram.add(microseconds(10) + nanoseconds(1));
  histogram.add(microseconds(1'000));
  histogram.add(microseconds(1'001));
  EXPECT_EQ(histogram.count(0), 1U);
  EXPECT_EQ(histogram.count(1), 2U);
  EXPECT_EQ(histogram.count(2), 1U);
}

TEST(Histogram, ManyThatTookTheSameAreCountedAtOnce) {
  Histogram<kBounds> histogram;
  histogram.add(nanoseconds(700), 64);
  EXPECT_EQ(histogram.count(0), 64U);
  EXPECT_EQ(histogram.sum(), 64U * 700U);
}

}  // namespace
}  // namespace nxgate::telemetry
