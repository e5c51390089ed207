#include "sys/background.h"

#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

namespace nxgate::sys {
namespace {

int nice_of_thread() { return ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())); }

TEST(AtLowPriority, LowersNobodyElses) {
  const int own = nice_of_thread();
  int lowered = own;
  at_low_priority([&] { lowered = nice_of_thread(); });
  EXPECT_EQ(lowered, 19);
  EXPECT_EQ(nice_of_thread(), own);
}

TEST(AtLowPriority, PassesOnWhatIsThrown) {
  EXPECT_THROW(at_low_priority([] { throw std::length_error("much"); }), std::length_error);
}

}  // namespace
}  // namespace nxgate::sys
