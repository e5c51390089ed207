#include "sys/unix_socket.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/descriptor.h"

namespace nxgate::sys {
namespace {

namespace fs = std::filesystem;

class UnixSocketTest : public testing::Test {
 protected:
  ~UnixSocketTest() override { fs::remove_all(directory); }

  const std::string directory = fmt::format("/tmp/nxgate-unix-test-{}", ::getpid());
  const std::string path = directory + "/below/socket";
};

TEST_F(UnixSocketTest, IsMadeWithItsDirectoryAndMode) {
  const auto socket = listen_unix(path, 0620);
  ASSERT_TRUE(socket) << socket.error().message();
  EXPECT_EQ(fs::status(path).permissions(), fs::perms{0620});
  const mode_t mask = ::umask(022);
  ::umask(mask);
  EXPECT_NE(mask, mode_t{0157}) << "the umask is as it was";
}

TEST_F(UnixSocketTest, ReplacesOneThatIsDeadAndNoneThatIsServed) {
  {
    auto first = listen_unix(path, 0600);
    ASSERT_TRUE(first);
    EXPECT_EQ(listen_unix(path, 0600).error(), std::errc::address_in_use);
  }
  EXPECT_TRUE(listen_unix(path, 0600));
}

TEST_F(UnixSocketTest, LeavesAFileAlone) {
  fs::create_directories(directory + "/below");
  std::ofstream(path) << "mine";
  EXPECT_EQ(listen_unix(path, 0600).error(), std::errc::file_exists);
  EXPECT_EQ(fs::file_size(path), 4U);
  EXPECT_EQ(listen_unix(std::string(200, 'x'), 0600).error(), std::errc::filename_too_long);
}

}  // namespace
}  // namespace nxgate::sys
