#include "policy/places.h"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace nxgate::policy {
namespace {

TEST(Places, GiveBackWhatTheyWereGiven) {
  const std::vector<Location> given{
      {"a.list", 1, 1},   {"a.list", 2, 1},  {"a.list", 700, 1}, {"a.list", 701, 3},
      {"a.list", 702, 1}, {"b.toml", 5, 10}, {"b.toml", 5, 20},  {"b.toml", 4, 20},
      {"label", 0, 0},    {"label", 0, 0},   {"a.list", 1, 1},
  };
  Places places;
  std::vector<std::uint32_t> numbers;
  for (const Location& at : given) numbers.push_back(places.add(at));
  for (std::size_t i = 0; i < given.size(); ++i) EXPECT_EQ(places[numbers[i]], given[i]) << i;
}

}  // namespace
}  // namespace nxgate::policy
