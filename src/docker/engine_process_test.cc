#include "docker/engine_process.h"

#include <filesystem>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <unistd.h>

namespace nxgate::docker {
namespace {

TEST(ExecRoot, IsReadFromTheCommandLine) {
  using namespace std::string_view_literals;
  EXPECT_EQ(exec_root("dockerd\0--exec-root=/x/run\0-D\0"sv, ""), "/x/run");
  EXPECT_EQ(exec_root("dockerd\0--exec-root\0/x/run\0"sv, ""), "/x/run");
  EXPECT_EQ(exec_root("dockerd\0-H\0fd://\0"sv, ""), "/var/run/docker");
  EXPECT_EQ(exec_root("dockerd\0--exec-root"sv, ""), "/var/run/docker");
  EXPECT_EQ(exec_root("", ""), "/var/run/docker");
}

TEST(ExecRoot, OfARootlessEngineIsInTheRuntimeDirectoryOfItsUser) {
  using namespace std::string_view_literals;
  const std::string_view rootless =
      "ROOTLESSKIT_STATE_DIR=/tmp/kit\0HOME=/home/u\0XDG_RUNTIME_DIR=/run/user/1000\0"sv;
  EXPECT_EQ(exec_root("dockerd\0"sv, rootless), "/run/user/1000/docker");
  EXPECT_EQ(exec_root("dockerd\0--exec-root\0/x/run\0"sv, rootless), "/x/run");
  EXPECT_EQ(exec_root("dockerd\0"sv, "XDG_RUNTIME_DIR=/run/user/0\0"sv), "/var/run/docker")
      << "one that root started from a session of its own";
  EXPECT_EQ(exec_root("dockerd\0"sv, "ROOTLESSKIT_STATE_DIR=/tmp/kit\0"sv), "/var/run/docker");
}

TEST(NetnsDirectory, WithoutAnEngineTheUsualDirectoryIsMeant) {
  EXPECT_EQ(netns_directory("/nowhere/none.sock"), "/var/run/docker/netns");
}

TEST(PathWithin, AnAbsoluteLinkStaysBelowTheOtherRoot) {
  const std::string base = ::testing::TempDir() + "nxgate_path." + std::to_string(::getpid());
  std::filesystem::remove_all(base);
  std::filesystem::create_directories(base + "/var");
  std::filesystem::create_directory_symlink("/run", base + "/var/run");
  EXPECT_EQ(path_within(base, "/var/run/docker/netns"), base + "/run/docker/netns");
  std::filesystem::create_directory_symlink("../run", base + "/var/up");
  EXPECT_EQ(path_within(base, "/var/up/netns"), base + "/run/netns");
  std::filesystem::remove_all(base);
}

}  // namespace
}  // namespace nxgate::docker
