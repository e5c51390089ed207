#include "helper/confinement.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/child_process.h"
#include "sys/descriptor.h"

namespace nxgate::helper {
namespace {

bool refused(long result) { return result == -1 && errno == EPERM; }

bool runs_programs() { return !refused(::execl("/nowhere", "nowhere", nullptr)); }
bool traces() { return !refused(::ptrace(PTRACE_PEEKDATA, 0, nullptr, nullptr)); }
bool enters_namespaces() { return !refused(::setns(-1, CLONE_NEWNET)); }
template <class Make>
bool begins_child(Make make) {
  const long child = make();
  if (child == 0) ::_exit(0);
  if (child > 0) ::waitpid(static_cast<pid_t>(child), nullptr, 0);
  return child > 0;
}
bool makes_namespaces_of_users() {
  return begins_child([] { return ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); }) ||
         begins_child([] {
           clone_args how{};
           how.flags = CLONE_NEWUSER;
           how.exit_signal = SIGCHLD;
           return ::syscall(SYS_clone3, &how, sizeof how);
         });
}
bool enters_mounts() { return !refused(::setns(-1, CLONE_NEWNS)); }
bool lists_files() {
  std::array<char, 64> room{};
  return !refused(::readlink("/proc/self/exe", room.data(), room.size()));
}
bool opens_files() { return sys::Descriptor(::open("/dev/null", O_RDONLY)).get() >= 0; }
bool writes_files() { return sys::Descriptor(::open("/dev/null", O_WRONLY)).get() >= 0; }
bool truncates_files() {
  return sys::Descriptor(::open("/dev/null", O_RDONLY | O_TRUNC)).get() >= 0;
}
bool opens(int family, int type) { return sys::Descriptor(::socket(family, type, 0)).get() >= 0; }
bool maps(int protection) {
  return ::mmap(nullptr, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

class ConfinementTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!confines()) GTEST_SKIP() << "a sanitizer needs the system calls that are given up";
  }
};

TEST_F(ConfinementTest, OfTheProcessLeavesWhatAServerDoes) {
  EXPECT_TRUE(sys::in_child([] {
    if (!runs_programs() || !traces() || !enters_namespaces()) return false;  // so it can fail
    if (!makes_namespaces_of_users()) return false;
    if (!confine_process(Confinement::kStrict)) return false;
    bool thread_ran = false;
    std::thread([&] { thread_ran = !runs_programs() && opens_files(); }).join();
    return thread_ran && !runs_programs() && !traces() && !enters_namespaces() &&
           !makes_namespaces_of_users() && opens_files() && writes_files() &&
           opens(AF_UNIX, SOCK_STREAM);
  }));
}

TEST_F(ConfinementTest, OfTheHelperLeavesReadingAndEntering) {
  EXPECT_TRUE(sys::in_child([] {
    return confine_helper(Confinement::kStrict, {.enter_namespaces = true}, false) &&
           enters_namespaces() && !enters_mounts() && opens_files() && !writes_files() &&
           !truncates_files() && !lists_files() && !runs_programs() && opens(AF_INET, SOCK_DGRAM) &&
           !opens(AF_NETLINK, SOCK_RAW) && !opens(AF_UNIX, SOCK_STREAM);
  }));
}

TEST_F(ConfinementTest, OfTheHelperLeavesWhatItsRightsAreFor) {
  EXPECT_TRUE(sys::in_child([] {
    return confine_helper(Confinement::kStrict, {.find_by_process = true, .change_rules = true},
                          true) &&
           opens(AF_UNIX, SOCK_STREAM) && lists_files() && opens(AF_NETLINK, SOCK_RAW) &&
           !opens(AF_PACKET, SOCK_RAW) && !writes_files() && !runs_programs();
  }));
}

TEST_F(ConfinementTest, OfAWorkerLeavesAnsweringAlone) {
  EXPECT_TRUE(sys::in_child([] {
    if (!confine_worker(Confinement::kStrict)) return false;
    return !runs_programs() && !traces() && !enters_namespaces() && !opens_files() &&
           !opens(AF_UNIX, SOCK_STREAM) && !opens(AF_NETLINK, SOCK_RAW) &&
           !maps(PROT_READ | PROT_WRITE | PROT_EXEC) && maps(PROT_READ | PROT_WRITE) &&
           opens(AF_INET, SOCK_DGRAM) && opens(AF_INET6, SOCK_STREAM);
  }));
}

TEST_F(ConfinementTest, OfAWorkerIsItsThreadsAlone) {
  EXPECT_TRUE(sys::in_child([] {
    bool confined = false;
    std::thread([&] { confined = confine_worker(Confinement::kStrict) && !opens_files(); }).join();
    return confined && opens_files();
  }));
}

}  // namespace
}  // namespace nxgate::helper
