#include "base/duration.h"

#include <gtest/gtest.h>

namespace nxgate {
namespace {

TEST(Duration, ReadsEveryUnitAndPrintsItBack) {
  for (const char* text : {"250ms", "10s", "5m", "1h", "7d", "1500ms"}) {
    ASSERT_TRUE(parse_duration(text)) << text;
    EXPECT_EQ(to_string(*parse_duration(text)), text);
  }
  EXPECT_EQ(*parse_duration("60s"), *parse_duration("1m"));
  EXPECT_EQ(to_string(*parse_duration("0s")), "0s");
}

TEST(Duration, RefusesWhatIsNotAWholeNumberWithAUnit) {
  for (const char* bad : {"", "10", "s", "-1s", "1.5s", "10 s", "10sec", "99999999999d", "1s1"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

}  // namespace
}  // namespace nxgate
