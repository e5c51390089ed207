#include "sys/state_directory.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nxgate::sys {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::size_t kMuch = 1000;

class StateDirectoryTest : public testing::Test {
 protected:
  StateDirectoryTest() {
    std::string pattern = fs::temp_directory_path() / "nxgate-state-XXXXXX";
    base_ = ::mkdtemp(pattern.data());
    fs::create_directories(base_ / "state/default");
  }
  ~StateDirectoryTest() override { fs::remove_all(base_); }

  void write(const fs::path& path, const std::string& text) { std::ofstream(base_ / path) << text; }
  std::string fault_of(const char* name) {
    const auto read = state().read(name, kMuch);
    return read ? "" : read.error().message;
  }
  [[nodiscard]] StateDirectory state() const { return StateDirectory(base_ / "state"); }

  fs::path base_;
};

TEST_F(StateDirectoryTest, KeepsWhatIsPutThere) {
  ASSERT_TRUE(state().replace("default/allow.d/saved.list", "one\n"));
  ASSERT_TRUE(state().replace("default/allow.d/saved.list", "two\n"));
  EXPECT_EQ(state().read("default/allow.d/saved.list", kMuch).value(), "two\n");
}

TEST_F(StateDirectoryTest, OnlyWhatIsMissingIsMissing) {
  EXPECT_EQ(state().read("other/none", kMuch).value(), std::nullopt);
  EXPECT_EQ(StateDirectory(base_ / "none").read("a", kMuch).value(), std::nullopt);
  fs::create_directory(base_ / "state/folder");
  EXPECT_THAT(fault_of("folder"), HasSubstr("not a regular file"));
  ASSERT_EQ(::mkfifo((base_ / "state/pipe").c_str(), 0644), 0);
  EXPECT_THAT(fault_of("pipe"), HasSubstr("not a regular file"));
  write("state/long", std::string(kMuch + 1, 'x'));
  EXPECT_THAT(fault_of("long"), HasSubstr("larger than"));
  write("state/file", "x");
  EXPECT_THAT(fault_of("file/below"), HasSubstr("Not a directory"));
}

TEST_F(StateDirectoryTest, LinksLeadNowhere) {
  write("secret", "password");
  fs::create_symlink(base_ / "secret", base_ / "state/default/saved");
  EXPECT_THAT(fault_of("default/saved"), HasSubstr("symbolic link"));
  fs::create_directory(base_ / "elsewhere");
  write("elsewhere/saved", "password");
  fs::create_directory_symlink(base_ / "elsewhere", base_ / "state/linked");
  EXPECT_THAT(fault_of("linked/saved"), HasSubstr("symbolic link"));
  fs::create_hard_link(base_ / "secret", base_ / "state/default/hard");
  EXPECT_THAT(fault_of("default/hard"), HasSubstr("hard link"));
}

TEST_F(StateDirectoryTest, NothingIsWrittenThroughALink) {
  write("precious", "as it was");
  fs::create_symlink(base_ / "precious", base_ / "state/saved.new");
  fs::create_symlink(base_ / "precious", base_ / "state/saved");
  ASSERT_TRUE(state().replace("saved", "mine"));
  EXPECT_EQ(state().read("saved", kMuch).value(), "mine");
  std::string text;
  std::getline(std::ifstream(base_ / "precious"), text);
  EXPECT_EQ(text, "as it was");
  fs::create_directory(base_ / "elsewhere");
  fs::create_directory_symlink(base_ / "elsewhere", base_ / "state/linked");
  EXPECT_FALSE(state().replace("linked/saved", "mine"));
  EXPECT_TRUE(fs::is_empty(base_ / "elsewhere"));
}

TEST_F(StateDirectoryTest, WhatIsStagedOnlyIsGoneAgain) {
  ASSERT_TRUE(state().replace("saved", "old"));
  {
    const auto staged = state().stage("saved", "new");
    ASSERT_TRUE(staged);
    EXPECT_TRUE(fs::exists(base_ / "state/saved.new"));
  }
  EXPECT_FALSE(fs::exists(base_ / "state/saved.new"));
  EXPECT_EQ(state().read("saved", kMuch).value(), "old");
}

TEST_F(StateDirectoryTest, IsGivenWithWhatItsOwnerHadInIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  constexpr uid_t kBefore = 65534;
  constexpr uid_t kAfter = 65533;
  ASSERT_TRUE(state().replace("default/deny.d/saved.list", "one\n"));
  write("secret", "password");
  write("state/roots", "by hand");
  fs::create_symlink(base_ / "secret", base_ / "state/link");
  for (const char* each : {"state", "state/default", "state/default/deny.d", "secret",
                           "state/default/deny.d/saved.list"}) {
    ASSERT_EQ(::chown((base_ / each).c_str(), kBefore, kBefore), 0);
  }
  ASSERT_TRUE(state().give_to(kAfter, kAfter));
  const auto owner_of = [&](const char* name) {
    struct stat status{};
    EXPECT_EQ(::lstat((base_ / name).c_str(), &status), 0);
    return status.st_uid;
  };
  EXPECT_EQ(owner_of("state"), kAfter);
  EXPECT_EQ(owner_of("state/default/deny.d"), kAfter);
  EXPECT_EQ(owner_of("state/default/deny.d/saved.list"), kAfter);
  EXPECT_EQ(owner_of("state/roots"), 0);
  EXPECT_EQ(owner_of("secret"), kBefore);
}

TEST_F(StateDirectoryTest, OnlyOneHasTheLock) {
  {
    const auto first = state().lock();
    ASSERT_TRUE(first && *first);
    const auto second = state().lock();
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().message, HasSubstr(std::to_string(::getpid())));
  }
  EXPECT_TRUE(state().lock());
}

TEST_F(StateDirectoryTest, WhoeverDiesWithTheLockIsInNobodysWay) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = state().lock();
    ::_exit(lock && *lock ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_TRUE(state().lock());
}

}  // namespace
}  // namespace nxgate::sys
