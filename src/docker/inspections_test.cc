#include "docker/inspections.h"

#include <chrono>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"

namespace nxgate::docker {
namespace {

using ::testing::Key;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

const Instant kStart = Instant() + 1h;

int begin_all(Inspections& inspections, Instant now) {
  int count = 0;
  while (inspections.begin(now)) ++count;
  return count;
}

TEST(Inspections, AreOnceInTheQueueAndOnceBehindOneUnderWay) {
  Inspections inspections(1s, 60s);
  inspections.want("a");
  inspections.want("a");
  EXPECT_EQ(inspections.begin(kStart), "a");
  EXPECT_EQ(inspections.begin(kStart), std::nullopt);
  inspections.want("a");
  inspections.want("a");
  EXPECT_EQ(inspections.begin(kStart), std::nullopt);
  EXPECT_TRUE(inspections.end("a"));
  EXPECT_EQ(inspections.begin(kStart), "a");
  EXPECT_FALSE(inspections.end("a"));
  EXPECT_EQ(inspections.begin(kStart), std::nullopt);
}

TEST(Inspections, ThoseThatTakeLongGiveTheirPlaceToOthers) {
  Inspections inspections(1s, 60s);
  for (int i = 0; i < 400; ++i) inspections.want(std::to_string(i));
  EXPECT_EQ(begin_all(inspections, kStart), 16);
  EXPECT_EQ(inspections.next_due(kStart), kStart + 1s);
  EXPECT_EQ(begin_all(inspections, kStart + 999ms), 0);
  EXPECT_EQ(begin_all(inspections, kStart + 1s), 16);
  EXPECT_EQ(inspections.next_due(kStart + 1s), kStart + 2s) << "never what is over already";
  for (int turn = 2; turn < 20; ++turn) begin_all(inspections, kStart + turn * 1s);
  EXPECT_EQ(begin_all(inspections, kStart + 1min), 0) << "128 in all";
  EXPECT_EQ(inspections.next_due(kStart + 1min), Instant::max());
}

TEST(Inspections, WaitTwiceAsLongAfterEachFailure) {
  Inspections inspections(1s, 5s);
  Instant now = kStart;
  for (const auto wait : {1s, 2s, 4s, 5s, 5s}) {
    inspections.failed("a", "500", now);
    EXPECT_EQ(inspections.next_due(now), now + wait);
    inspections.want_due(now + wait - 1ms);
    EXPECT_EQ(inspections.begin(now), std::nullopt);
    now += wait;
    inspections.want_due(now);
    EXPECT_EQ(inspections.begin(now), "a");
    EXPECT_FALSE(inspections.end("a"));
  }
  EXPECT_THAT(inspections.failures(), UnorderedElementsAre(Key("a")));
  inspections.succeeded("a");
  EXPECT_TRUE(inspections.failures().empty());
  inspections.failed("a", "500", now);
  EXPECT_EQ(inspections.next_due(now), now + 1s) << "as if for the first time";
}

TEST(Inspections, FailuresAreForgottenWithTheirContainers) {
  Inspections inspections(1s, 5s);
  inspections.failed("a", "500", kStart);
  inspections.failed("b", "500", kStart);
  inspections.forget_failures([](const std::string& id) { return id == "a"; });
  EXPECT_THAT(inspections.failures(), UnorderedElementsAre(Key("b")));
}

}  // namespace
}  // namespace nxgate::docker
