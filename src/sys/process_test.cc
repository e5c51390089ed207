#include "sys/process.h"

#include <optional>

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/child_process.h"

namespace nxgate::sys {
namespace {

TEST(StartTimeTest, OfAChildIsNotBeforeItsParents) {
  const auto own = start_time(::getpid());
  ASSERT_TRUE(own);
  ChildProcess child;
  const pid_t pid = child.pid();
  const auto theirs = start_time(pid);
  ASSERT_TRUE(theirs);
  EXPECT_GE(*theirs, *own);
  child.end();
  EXPECT_FALSE(start_time(pid)) << "it has ended";
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

TEST(ZombieTest, IsWhoHasEndedAndWhomNobodyWaitedFor) {
  EXPECT_FALSE(is_zombie(::getpid()));
  EXPECT_FALSE(has_lost_first_thread(::getpid()));
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) ::_exit(0);
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(is_zombie(pid));
  EXPECT_TRUE(has_lost_first_thread(pid));
  EXPECT_TRUE(start_time(pid));
  ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
  EXPECT_FALSE(is_zombie(pid));
}

}  // namespace
}  // namespace nxgate::sys
