#include "attach/unattached.h"

#include <gtest/gtest.h>

namespace nxgate::attach {
namespace {

TEST(Shortfall, CountsWhatShouldBeAttached) {
  const Unattached alone{
      .label = "alone", .why = WhyUnattached::kUnmatched, .reason = "x", .wanted = false};
  EXPECT_EQ(shortfall(0, {}), "");
  EXPECT_EQ(shortfall(3, {alone}), "");
  const Unattached web{
      .label = "web", .why = WhyUnattached::kNotRunning, .reason = "it doesn't run"};
  EXPECT_EQ(shortfall(2, {alone, web}), "2 of 3 attached; web: it doesn't run");
}

TEST(Shortfall, AnEngineIsNoContainer) {
  const Unattached engine{
      .label = "the engine", .why = WhyUnattached::kEngine, .reason = "is away"};
  EXPECT_EQ(shortfall(2, {engine}), "it isn't known what runs; the engine: is away");
}

TEST(Shortfall, NamesAFew) {
  const Unattached web{.label = "web", .reason = "x"};
  EXPECT_TRUE(shortfall(0, std::vector<Unattached>(8, web)).ends_with("; web: x; 3 more"));
}

}  // namespace
}  // namespace nxgate::attach
