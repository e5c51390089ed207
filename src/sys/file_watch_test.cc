#include "sys/file_watch.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "sys/descriptor.h"

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
  FileWatch watch_;
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
    watch_ = FileWatch();
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

/// What the calling thread has used of a CPU.
std::chrono::nanoseconds used() {
  timespec time{};
  EXPECT_EQ(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time), 0);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// Programs that write without end into the directory.
TEST_F(FileWatchTest, IsNotKeptBusyByOthersInTheDirectory) {
  constexpr std::chrono::seconds kFlood{1};
  write("nxgate.toml", "a");
  watch("nxgate.toml");
  std::vector<std::jthread> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back(
        [path = dir_ / ("log." + std::to_string(writer))](const std::stop_token& over) {
          while (!over.stop_requested()) {
            const Descriptor file(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
            if (::write(file.get(), "x", 1) != 1) break;
          }
        });
  }
  std::chrono::nanoseconds longest{};
  for (const auto end = Clock::now() + kFlood; Clock::now() < end;) {
    const auto before = used();
    EXPECT_FALSE(watch_.changed());
    longest = std::max(longest, used() - before);
  }
  writers.clear();
  EXPECT_LT(longest, std::chrono::milliseconds(5));
  write("nxgate.toml", "ab");
  EXPECT_TRUE(watch_.changed());
}

/// Runs this in a process whose user may have so much of what inotify gives, and no more.
void with_inotify(const char* limit, int most, const std::function<bool()>& check) {
  // Not unshare(2), which a process of several threads may not, such as a sanitizer's.
  const auto child =
      static_cast<pid_t>(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, 0, 0));
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::ofstream(std::string("/proc/sys/user/") + limit) << most << std::flush;
    ::_exit(check() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(FileWatchTest, LooksWithoutInotifyAndTakesItOnceThereIsSome) {
  write("nxgate.toml", "a");
  with_inotify("max_inotify_instances", 0, [this] {
    FileWatch watch;
    watch.watch({dir_ / "nxgate.toml"});
    const bool told =
        watch.descriptor() < 0 && watch.fault().contains("fs.inotify.max_user_instances");
    write("nxgate.toml", "ab");
    const bool seen = watch.changed();
    std::ofstream("/proc/sys/user/max_inotify_instances") << 1 << std::flush;
    return told && seen && !watch.changed() && watch.descriptor() >= 0 && watch.fault().empty();
  });
}

TEST_F(FileWatchTest, SaysThatNoWatchesAreLeft) {
  write("nxgate.toml", "a");
  with_inotify("max_inotify_watches", 0, [this] {
    FileWatch watch;
    watch.watch({dir_ / "nxgate.toml"});
    const bool told = watch.fault().contains("fs.inotify.max_user_watches");
    std::ofstream("/proc/sys/user/max_inotify_watches") << 9 << std::flush;
    return told && !watch.changed() && watch.fault().empty();
  });
  EXPECT_EQ(watch_.fault(), "");
}

}  // namespace
}  // namespace nxgate::sys
