#include "sys/privileges.h"

#include <string>

#include <cap-ng.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sys/child_process.h"
#include "sys/netns.h"
#include "sys/socket.h"

namespace nxgate::sys {
namespace {

constexpr int kNobody = 65534;

bool listens_on_a_low_port() {
  ListenAddress at;
  at.endpoint = *Endpoint::parse("127.0.0.1:77", 0);
  return open_listener(SocketKind::kUdp, at, Sharing::kNobody).has_value();
}

bool has(unsigned capability) {
  return capng_get_caps_process() == 0 && capng_have_capability(CAPNG_EFFECTIVE, capability) != 0;
}

#define NEED_ROOT() \
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give up root"

TEST(DropPrivileges, LeavesNothing) {
  NEED_ROOT();
  EXPECT_TRUE(in_child([] {
    if (!drop_privileges("nobody", {})) return false;
    if (capng_get_caps_process() != 0) return false;
    return ::geteuid() == kNobody && ::getegid() == kNobody && ::getgroups(0, nullptr) == 0 &&
           capng_have_capabilities(CAPNG_SELECT_BOTH) == CAPNG_NONE &&
           ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && ::setuid(0) != 0 &&
           !in_netns(NetnsRef("pid:1"), [] {});
  }));
}

TEST(DropPrivileges, KeepsWhatNamespacesNeed) {
  NEED_ROOT();
  EXPECT_TRUE(in_child([] {
    const NetnsRef own("/proc/self/ns/net");
    const NetnsRef of_process("pid:" + std::to_string(::getppid()));
    if (!drop_privileges("65534", {.enter_namespaces = true})) return false;
    return ::geteuid() == kNobody && has(CAP_SYS_ADMIN) && !has(CAP_SYS_PTRACE) &&
           !has(CAP_NET_BIND_SERVICE) && !has(CAP_SETUID) && in_netns(own, [] {}) &&
           !in_netns(of_process, [] {});
  }));
}

TEST(DropPrivileges, KeepsWhatNamespacesOfProcessesNeed) {
  NEED_ROOT();
  EXPECT_TRUE(in_child([] {
    const NetnsRef parents("pid:" + std::to_string(::getppid()));
    if (!drop_privileges("nobody", {.enter_namespaces = true, .find_by_process = true})) {
      return false;
    }
    return ::geteuid() == kNobody && parents.identity() && in_netns(parents, [] {});
  }));
}

TEST(DropPrivileges, KeepsWhatLowPortsNeed) {
  NEED_ROOT();
  EXPECT_TRUE(in_child([] {
    return drop_privileges("nobody", {.bind_low_ports = true}) && has(CAP_NET_BIND_SERVICE) &&
           !has(CAP_SYS_ADMIN) && !has(CAP_NET_RAW) && listens_on_a_low_port();
  }));
}

TEST(DropPrivileges, NamesAnUnknownUser) {
  NEED_ROOT();
  const auto result = drop_privileges("no-such-user", {});
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("no-such-user"), std::string::npos);
}

}  // namespace
}  // namespace nxgate::sys
