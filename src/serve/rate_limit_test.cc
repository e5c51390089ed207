#include "serve/rate_limit.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace nxgate::serve {
namespace {

IpAddress address(std::string_view text) { return *IpAddress::parse(text); }

class RateLimitTest : public testing::Test {
 protected:
  /// How many of so many queries at one moment get through.
  int admitted(RateLimit& limit, std::string_view client, int queries = 100,
               std::string_view listener = {}) {
    int count = 0;
    for (int i = 0; i < queries; ++i)
      count += limit.admits(address(client), listener, now_) ? 1 : 0;
    return count;
  }

  Instant now_ = Clock::now();
};

TEST_F(RateLimitTest, ABurstThenTheRate) {
  RateLimit limit({.queries_per_second = 10, .burst = 20});
  EXPECT_EQ(admitted(limit, "192.0.2.1"), 20);
  EXPECT_EQ(admitted(limit, "192.0.2.1"), 0);
  now_ += Milliseconds(510);
  EXPECT_EQ(admitted(limit, "192.0.2.1"), 5);
  now_ += Seconds(1000);
  EXPECT_EQ(admitted(limit, "192.0.2.1"), 20);
}

TEST_F(RateLimitTest, AClientIsAPrefix) {
  RateLimit limit({.queries_per_second = 1, .burst = 5, .ipv4_prefix = 20, .ipv6_prefix = 56});
  EXPECT_EQ(admitted(limit, "192.0.16.1"), 5);
  EXPECT_EQ(admitted(limit, "192.0.31.255"), 0);
  EXPECT_EQ(admitted(limit, "192.0.32.1"), 5);
  EXPECT_EQ(admitted(limit, "2001:db8:0:1::1"), 5);
  EXPECT_EQ(admitted(limit, "2001:db8:0:ff::2"), 0);
  EXPECT_EQ(admitted(limit, "2001:db8:0:100::1"), 5);
}

TEST_F(RateLimitTest, AListenerWithAPolicyHasClientsOfItsOwn) {
  RateLimit limit({.queries_per_second = 1, .burst = 5});
  EXPECT_EQ(admitted(limit, "127.0.0.1", 100, "web"), 5);
  EXPECT_EQ(admitted(limit, "127.0.0.1", 100, "web"), 0);
  EXPECT_EQ(admitted(limit, "127.0.0.1", 100, "db"), 5);
  EXPECT_EQ(admitted(limit, "127.0.0.1"), 5);
}

TEST_F(RateLimitTest, TheSlowestAndTheFastestRateHold) {
  RateLimit slow({.queries_per_second = 1, .burst = 65535});
  EXPECT_EQ(admitted(slow, "192.0.2.1", 70000), 65535);
  now_ += Seconds(3);
  EXPECT_EQ(admitted(slow, "192.0.2.1"), 3);
  RateLimit fast({.queries_per_second = 1'000'000, .burst = 1});
  EXPECT_EQ(admitted(fast, "192.0.2.1"), 1);
  now_ += Milliseconds(1);
  EXPECT_EQ(admitted(fast, "192.0.2.1"), 1);
}

TEST_F(RateLimitTest, MoreClientsThanItHoldsDontFreeOneThatFloods) {
  RateLimit limit({.queries_per_second = 1, .burst = 50});
  EXPECT_EQ(admitted(limit, "10.0.0.1"), 50);
  int more = 0;
  for (std::uint32_t i = 0; i < 200'000; ++i) {
    const IpAddress other =
        IpAddress::v4({198, static_cast<std::uint8_t>(i >> 16), static_cast<std::uint8_t>(i >> 8),
                       static_cast<std::uint8_t>(i)});
    EXPECT_TRUE(limit.admits(other, {}, now_));
    if (i % 1000 == 0) more += limit.admits(address("10.0.0.1"), {}, now_) ? 1 : 0;
  }
  EXPECT_EQ(more, 0);
}

TEST_F(RateLimitTest, WorkersShareOneBucket) {
  RateLimit limit({.queries_per_second = 1, .burst = 1000});
  std::array<int, 4> counts{};
  {
    std::vector<std::jthread> workers;
    for (int& count : counts) {
      workers.emplace_back([&] { count = admitted(limit, "192.0.2.1", 2000); });
    }
  }
  const int all = counts[0] + counts[1] + counts[2] + counts[3];
  EXPECT_GE(all, 1000);
  EXPECT_LE(all, 1100);  // where threads collide again and again, one is let through
}

TEST_F(RateLimitTest, AWorkerWhoseTimeIsEarlierDoesNotRefill) {
  RateLimit limit({.queries_per_second = 100, .burst = 200});
  EXPECT_EQ(admitted(limit, "192.0.2.1", 1000), 200);
  now_ -= std::chrono::microseconds(1);
  EXPECT_EQ(admitted(limit, "192.0.2.1", 1000), 0);
  now_ -= Milliseconds(200);
  EXPECT_EQ(admitted(limit, "192.0.2.1", 1000), 0);
}

}  // namespace
}  // namespace nxgate::serve
