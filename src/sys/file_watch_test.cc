#include "sys/file_watch.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

namespace nxgate::sys {
namespace {

namespace fs = std::filesystem;

class FileWatchTest : public ::testing::Test {
 protected:
  FileWatchTest() {
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  ~FileWatchTest() override { fs::remove_all(dir_); }

  void write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ / name) << text;
  }
  void watch(const std::string& pattern) { watch_.watch({(dir_ / pattern).string()}); }

  /// Whether the descriptor woke us, and with a real change.
  bool noticed() {
    pollfd readable{.fd = watch_.descriptor(), .events = POLLIN, .revents = 0};
    return ::poll(&readable, 1, 200) == 1 && watch_.changed();
  }

  fs::path dir_ = fs::path(::testing::TempDir()) / ("nxgate_watch_" + std::to_string(::getpid()));
  FileWatch watch_ = std::move(*FileWatch::create());
};

TEST_F(FileWatchTest, SeesAWriteAndNothingElse) {
  write("nxgate.toml", "a");
  watch("nxgate.toml");
  EXPECT_FALSE(watch_.changed());
  write("other.toml", "a");
  EXPECT_FALSE(noticed());
  write("nxgate.toml", "ab");
  EXPECT_TRUE(noticed());
  EXPECT_FALSE(noticed());
}

TEST_F(FileWatchTest, SeesAReplacementByRename) {
  write("hosts", "a");
  watch("hosts");
  write("hosts.new", "b");
  fs::rename(dir_ / "hosts.new", dir_ / "hosts");
  EXPECT_TRUE(noticed());
  write("hosts", "cc");  // also in the file that took its place
  EXPECT_TRUE(noticed());
}

TEST_F(FileWatchTest, SeesAConfigMapSwap) {
  fs::create_directory(dir_ / "..1");
  fs::create_directory(dir_ / "..2");
  write("..1/list", "a");
  write("..2/list", "b");
  fs::create_directory_symlink("..1", dir_ / "..data");
  fs::create_symlink("..data/list", dir_ / "list");
  watch("list");
  fs::create_directory_symlink("..2", dir_ / "..data_tmp");
  fs::rename(dir_ / "..data_tmp", dir_ / "..data");
  EXPECT_TRUE(noticed());
}

TEST_F(FileWatchTest, SeesASwapAnywhereOnTheWay) {
  for (const char* folder : {"1", "2", "elsewhere"}) fs::create_directory(dir_ / folder);
  write("1/list", "a");
  write("2/list", "b");
  const auto swap_to = [this](const char* version) {
    fs::create_directory_symlink(version, dir_ / "fresh");
    fs::rename(dir_ / "fresh", dir_ / "current");
  };
  swap_to("1");
  fs::create_symlink(dir_ / "current/list", dir_ / "elsewhere/list");
  for (const char* path : {"current/list", "current/*", "elsewhere/list"}) {
    swap_to("1");
    watch_ = std::move(*FileWatch::create());
    watch(path);
    swap_to("2");
    EXPECT_TRUE(noticed()) << path;
  }
}

TEST_F(FileWatchTest, SurvivesALoopOfSymlinks) {
  fs::create_symlink("b", dir_ / "a");
  fs::create_symlink("a", dir_ / "b");
  watch("a/list");
  EXPECT_FALSE(watch_.changed());
}

TEST_F(FileWatchTest, SeesFilesOfAGlobComeAndGo) {
  watch("allow.d/*.list");
  fs::create_directory(dir_ / "allow.d");
  EXPECT_FALSE(noticed());
  write("allow.d/a.list", "a");
  EXPECT_TRUE(noticed());
  write("allow.d/b.txt", "b");
  EXPECT_FALSE(noticed());
  fs::remove(dir_ / "allow.d/a.list");
  EXPECT_TRUE(noticed());
}

}  // namespace
}  // namespace nxgate::sys
