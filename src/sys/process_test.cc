#include "sys/process.h"

#include <optional>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nxgate::sys {
namespace {

TEST(StartTimeTest, OfAChildIsNotBeforeItsParents) {
  const auto own = start_time(::getpid());
  ASSERT_TRUE(own);
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  const auto theirs = start_time(child);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ASSERT_TRUE(theirs);
  EXPECT_GE(*theirs, *own);
  EXPECT_FALSE(start_time(child)) << "it has ended";
}

TEST(StartTimeTest, IsNotMisledByAName) {
  const auto before = start_time(::getpid());
  ASSERT_TRUE(before);
  char name[16] = "";
  ASSERT_EQ(::prctl(PR_GET_NAME, name), 0);
  ASSERT_EQ(::prctl(PR_SET_NAME, "a) S 1 2 3 (b"), 0);
  const auto after = start_time(::getpid());
  ::prctl(PR_SET_NAME, name);
  EXPECT_EQ(after, before);
}

}  // namespace
}  // namespace nxgate::sys
