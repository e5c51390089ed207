#include "observe/ring.h"

#include <cstdint>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

namespace nxgate::observe {
namespace {

TEST(Ring, HoldsSoManyAndNoMore) {
  Ring<int> ring(5);
  EXPECT_EQ(ring.front(), nullptr);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 5; ++i) {
      ASSERT_FALSE(ring.full());
      ring.put(i);
    }
    EXPECT_TRUE(ring.full());
    EXPECT_EQ(ring.size(), 5U);
    for (int i = 0; i < 5; ++i) {
      ASSERT_NE(ring.front(), nullptr);
      EXPECT_EQ(ring.pop(), i);
    }
    EXPECT_FALSE(ring.full());
  }
}

TEST(Ring, LetsGoOfWhatWasTakenAndOfWhatWasNot) {
  const auto value = std::make_shared<int>(1);
  {
    Ring<std::shared_ptr<int>> ring(3);
    for (int i = 0; i < 3; ++i) ring.put(value);
    EXPECT_EQ(value.use_count(), 4);
    ASSERT_NE(ring.front(), nullptr);
    (void)ring.pop();
    EXPECT_EQ(value.use_count(), 3);
  }
  EXPECT_EQ(value.use_count(), 1);
}

TEST(Ring, GivesAllInOrderBetweenTwoThreads) {
  constexpr std::uint64_t kMany = 200'000;
  Ring<std::unique_ptr<std::uint64_t>> ring(64);
  const std::jthread putting([&ring] {
    for (std::uint64_t i = 0; i < kMany; ++i) {
      while (ring.full()) std::this_thread::yield();
      ring.put(std::make_unique<std::uint64_t>(i));
    }
  });
  for (std::uint64_t i = 0; i < kMany; ++i) {
    while (ring.front() == nullptr) std::this_thread::yield();
    ASSERT_EQ(*ring.pop(), i);
  }
}

}  // namespace
}  // namespace nxgate::observe
