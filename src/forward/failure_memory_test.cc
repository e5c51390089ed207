#include "forward/failure_memory.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace nxgate::forward {
namespace {

using engine::UpstreamFailure;

cache::Key key_of(std::uint64_t number) {
  cache::Key key;
  key.hash = number;
  key.question.type = wire::Type{static_cast<std::uint16_t>(number)};
  return key;
}

TEST(FailureMemory, KeepsForSecondsAndIsBounded) {
  FailureMemory memory(2);
  const Instant now = Clock::now();
  memory.remember(key_of(1), UpstreamFailure::kTimeout, now);
  memory.remember(key_of(2), UpstreamFailure::kBadAnswer, now);
  memory.remember(key_of(3), UpstreamFailure::kTimeout, now);
  EXPECT_TRUE(memory.recall(key_of(1), {}, now + Seconds(4)));
  EXPECT_FALSE(memory.recall(key_of(1), {}, now + Seconds(5)));
  EXPECT_FALSE(memory.recall(key_of(3), {}, now));
  memory.remember(key_of(4), UpstreamFailure::kTimeout, now + Seconds(3));  // 2 is over
  EXPECT_TRUE(memory.recall(key_of(4), {}, now + Seconds(4)));
  EXPECT_FALSE(memory.recall(key_of(4), now + Seconds(4), now + Seconds(4)));
  memory.remember(key_of(5), UpstreamFailure::kOverload, now);
  EXPECT_FALSE(memory.recall(key_of(5), {}, now));
}

}  // namespace
}  // namespace nxgate::forward
