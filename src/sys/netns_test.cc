#include "sys/netns.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <latch>
#include <stdexcept>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/socket.h"

namespace nxgate::sys {
namespace {

/// A namespace of our own that lives as long as a thread waits in it, named by its path in /proc.
class OwnNamespace {
 public:
  OwnNamespace() : thread_([this] { live(); }) { entered_.wait(); }
  ~OwnNamespace() {
    leave_.count_down();
    thread_.join();
  }
  [[nodiscard]] bool permitted() const { return permitted_; }
  [[nodiscard]] NetnsRef ref() const {
    return NetnsRef("/proc/self/task/" + std::to_string(id_) + "/ns/net");
  }

 private:
  void live() {
    permitted_ = ::unshare(CLONE_NEWNET) == 0;
    id_ = static_cast<int>(::syscall(SYS_gettid));
    entered_.count_down();
    leave_.wait();
  }

  bool permitted_ = false;
  int id_ = 0;
  std::latch entered_{1};
  std::latch leave_{1};
  std::thread thread_;
};

#define NEED_NAMESPACES(there) \
  if (!(there).permitted()) GTEST_SKIP() << "unshare(CLONE_NEWNET) is not permitted here"

TEST(NetnsRef, NamesItsFile) {
  EXPECT_EQ(NetnsRef("web").path(), "/run/netns/web");
  EXPECT_EQ(NetnsRef("/var/run/netns/web").path(), "/var/run/netns/web");
  EXPECT_EQ(NetnsRef("pid:42").path(), "/proc/42/ns/net");
  EXPECT_TRUE(NetnsRef().own());
}

TEST(NetnsRef, IdentityTellsNamespacesApart) {
  const NetnsRef own("pid:" + std::to_string(::getpid()));
  ASSERT_TRUE(own.identity());
  EXPECT_EQ(own.identity(), NetnsRef().identity());
  EXPECT_EQ(netns_name(*own.identity()), std::filesystem::read_symlink("/proc/self/ns/net"));
  EXPECT_FALSE(NetnsRef("nonesuch").identity());
  const OwnNamespace there;
  NEED_NAMESPACES(there);
  EXPECT_TRUE(there.ref().identity());
  EXPECT_NE(there.ref().identity(), own.identity());
}

TEST(NetnsRef, AStaleFileIsNoNamespace) {
  const std::string path = ::testing::TempDir() + "nxgate_stale_netns";
  std::ofstream(path) << "";
  EXPECT_FALSE(NetnsRef(path).identity());
  const auto opened = NetnsRef(path).open();
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("not a network namespace, or no longer one"),
            std::string::npos);
  std::filesystem::remove(path);
}

TEST(InNetns, ActsThereAndComesBack) {
  const OwnNamespace there;
  NEED_NAMESPACES(there);
  const auto home = NetnsRef().identity();
  std::optional<std::uint64_t> inside;
  ASSERT_TRUE(in_netns(there.ref(), [&] { inside = NetnsRef().identity(); }));
  EXPECT_EQ(inside, there.ref().identity());
  EXPECT_EQ(NetnsRef().identity(), home);
  EXPECT_THROW((void)in_netns(there.ref(), [] { throw std::runtime_error("no"); }),
               std::runtime_error);
  EXPECT_EQ(NetnsRef().identity(), home);
}

TEST(InNetns, RefusesAMissingNamespaceByName) {
  bool acted = false;
  const auto result = in_netns(NetnsRef("nonesuch"), [&] { acted = true; });
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("nonesuch"), std::string::npos);
  EXPECT_FALSE(acted);
}

TEST(InNetns, SocketsBelongToWhereTheyWereOpened) {
  const OwnNamespace there;
  NEED_NAMESPACES(there);
  ListenAddress address;
  address.endpoint = *Endpoint::parse("0.0.0.0:53", 0);
  address.netns = there.ref();
  const auto first = open_listener(SocketKind::kUdp, address, Sharing::kNobody);
  ASSERT_TRUE(first) << first.error().message;
  const auto second = open_listener(SocketKind::kUdp, address, Sharing::kNobody);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("`nsenter --net=/proc/self/task/"), std::string::npos);
  EXPECT_NE(interface_index("lo", there.ref()), 0U);
  EXPECT_EQ(interface_index("nonesuch0", there.ref()), 0U);
}

}  // namespace
}  // namespace nxgate::sys
