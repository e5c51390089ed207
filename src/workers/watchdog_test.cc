#include "workers/watchdog.h"

#include <chrono>
#include <functional>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace nxgate::workers {
namespace {

/// Workers that answer when the test says so.
struct Watched {
  boost::asio::io_context loop{1};
  std::vector<std::function<void()>> asked;
  int pings = 0;
  Watchdog watchdog{loop, std::chrono::microseconds(100), 2,
                    [this](const std::function<void()>& answer) { asked.assign(2, answer); },
                    [this] { ++pings; }};

  void run() {
    loop.restart();
    loop.run_for(std::chrono::milliseconds(20));
  }
};

TEST(Watchdog, PingsOnceAllHaveAnswered) {
  Watched watched;
  for (int round = 1; round <= 3; ++round) {
    ASSERT_EQ(watched.asked.size(), 2U) << round;
    const auto answers = std::exchange(watched.asked, {});
    for (const auto& answer : answers) answer();
    watched.run();
    EXPECT_EQ(watched.pings, round);
  }
}

TEST(Watchdog, IsSilentWhileOneIsStuckAndAsksNoMore) {
  Watched watched;
  const auto answers = std::exchange(watched.asked, {});
  answers[0]();
  watched.run();
  EXPECT_EQ(watched.pings, 0);
  EXPECT_TRUE(watched.asked.empty());
  answers[1]();
  watched.run();
  EXPECT_EQ(watched.pings, 1);
  EXPECT_EQ(watched.asked.size(), 2U);
}

}  // namespace
}  // namespace nxgate::workers
