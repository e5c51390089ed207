#include "sys/background.h"

#include <thread>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

namespace nxgate::sys {
namespace {

int nice_of_thread() { return ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())); }

TEST(LowerPriorityOfThread, LowersNobodyElses) {
  const int own = nice_of_thread();
  int lowered = own;
  std::jthread([&] {
    lower_priority_of_thread();
    lowered = nice_of_thread();
  }).join();
  EXPECT_EQ(lowered, 19);
  EXPECT_EQ(nice_of_thread(), own);
}

}  // namespace
}  // namespace nxgate::sys
