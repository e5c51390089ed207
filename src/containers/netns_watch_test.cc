#include "containers/netns_watch.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "containers/container.h"
#include "containers/namespaces.h"
#include "containers/process.h"
#include "containers/process_search.h"
#include "sys/child_process.h"
#include "sys/netns.h"

namespace nxgate::containers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

class NetnsWatchTest : public ::testing::Test {
 protected:
  NetnsWatchTest() {
    base_ = ::testing::TempDir() + "nxgate_netns_watch." + std::to_string(::getpid());
    std::filesystem::remove_all(base_);
    std::filesystem::create_directories(base_);
    directory_ = base_ + "/run/netns";
  }
  ~NetnsWatchTest() override {
    for (const std::string& mounted : mounts_) ::umount2(mounted.c_str(), MNT_DETACH);
    std::filesystem::remove_all(base_);
  }

  void make_directory() { std::filesystem::create_directories(directory_); }
  std::string make_file(const std::string& name) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path) << "";
    return path;
  }
  void mount(const std::string& path) {
    const std::string netns = "/proc/" + std::to_string(child_.pid()) + "/ns/net";
    ASSERT_EQ(::mount(netns.c_str(), path.c_str(), nullptr, MS_BIND, nullptr), 0);
    mounts_.push_back(path);
  }
  void run_for(std::chrono::milliseconds time) {
    loop_.restart();
    loop_.run_for(time);
  }
  /// Runs until as many have appeared, or for two seconds.
  void run_until(std::size_t count) {
    for (int turn = 0; turn < 200 && appeared_.size() < count; ++turn) run_for(10ms);
  }

  sys::ChildProcess child_{[] { return ::unshare(CLONE_NEWNET) == 0; }};
  boost::asio::io_context loop_{1};
  std::string base_;
  std::string directory_;
  std::vector<std::string> mounts_;
  std::vector<std::string> appeared_;
  std::function<void(const std::string&)> note_ = [this](const std::string& path) {
    appeared_.push_back(path);
  };
};

#define NEED_NAMESPACES \
  if (!child_.succeeded()) GTEST_SKIP() << "unshare(CLONE_NEWNET) is not permitted here"

TEST_F(NetnsWatchTest, TellsOfANamespaceOnceItIsMounted) {
  NEED_NAMESPACES;
  make_directory();
  mount(make_file("old"));
  NetnsWatch watch(loop_, directory_, note_);
  ASSERT_TRUE(watch.start());
  const std::string path = make_file("1a2b3c");
  run_for(30ms);
  EXPECT_THAT(appeared_, IsEmpty());
  mount(path);
  run_until(1);
  run_for(20ms);
  EXPECT_THAT(appeared_, ElementsAre(path));
}

TEST_F(NetnsWatchTest, NeverTellsOfTheEnginesOwn) {
  NEED_NAMESPACES;
  make_directory();
  NetnsWatch watch(loop_, directory_, note_);
  ASSERT_TRUE(watch.start());
  mount(make_file("default"));
  run_for(50ms);
  EXPECT_THAT(appeared_, IsEmpty());
}

TEST_F(NetnsWatchTest, WaitsForTheDirectory) {
  NEED_NAMESPACES;
  NetnsWatch watch(loop_, directory_, note_);
  ASSERT_TRUE(watch.start());
  run_for(10ms);
  std::filesystem::create_directory(base_ + "/run");
  run_for(10ms);
  make_directory();
  const std::string path = make_file("1a2b3c");
  mount(path);
  run_until(1);
  EXPECT_THAT(appeared_, ElementsAre(path));
}

TEST_F(NetnsWatchTest, FollowsADirectoryThatIsMadeAnew) {
  NEED_NAMESPACES;
  make_directory();
  make_file("1a2b3c");
  NetnsWatch watch(loop_, directory_, note_);
  ASSERT_TRUE(watch.start());
  run_for(10ms);
  std::filesystem::remove_all(base_ + "/run");
  run_for(10ms);
  make_directory();
  run_for(10ms);
  const std::string path = make_file("1a2b3c");
  mount(path);
  run_until(1);
  EXPECT_THAT(appeared_, ElementsAre(path));
}

TEST_F(NetnsWatchTest, CanBeTriedAgain) {
  NEED_NAMESPACES;
  make_directory();
  NetnsWatch watch(loop_, directory_, note_);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto refused = watch.start();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(refused);
  ASSERT_TRUE(watch.start());
  const std::string path = make_file("1a2b3c");
  mount(path);
  run_until(1);
  EXPECT_THAT(appeared_, ElementsAre(path));
}

TEST_F(NetnsWatchTest, TakesWhatWasOpenedBefore) {
  NEED_NAMESPACES;
  make_directory();
  NetnsWatch watch(loop_, directory_, note_, NetnsWatch::open_inotify());
  ASSERT_TRUE(watch.start());
  const std::string path = make_file("1a2b3c");
  mount(path);
  run_until(1);
  EXPECT_THAT(appeared_, ElementsAre(path));
}

TEST_F(NetnsWatchTest, MayBeDestroyedWhileItWaits) {
  make_directory();
  {
    NetnsWatch watch(loop_, directory_, note_);
    ASSERT_TRUE(watch.start());
    make_file("1a2b3c");
    run_for(10ms);
  }
  run_for(20ms);
  EXPECT_TRUE(loop_.stopped()) << "nothing is left to wait for";
  EXPECT_THAT(appeared_, IsEmpty());
}

TEST_F(NetnsWatchTest, AProcessOfNoContainerIsNotFound) {
  NEED_NAMESPACES;
  const sys::NetnsRef netns("pid:" + std::to_string(child_.pid()));
  ASSERT_TRUE(netns.identity());
  const auto container = container_of_cgroup(process_file(child_.pid(), "cgroup"));
  const std::uint64_t identity = netns.identity().value_or(0);
  ProcessSearch search;
  const auto processes = search.look({identity});
  ASSERT_EQ(processes.contains(identity), container.has_value());
  if (container) EXPECT_EQ(processes.at(identity).pid, child_.pid());
}

TEST_F(NetnsWatchTest, AContainerIsWhereItsEngineKeepsItsNamespace) {
  NEED_NAMESPACES;
  make_directory();
  mount(make_file("1a2b3c4d5e6f"));
  const Container web{.pid = ::getpid(), .sandbox = "/other/netns/1a2b3c4d5e6f"};
  EXPECT_EQ(netns_of(web, directory_).identity(), sys::NetnsRef::of_pid(child_.pid()).identity());
  const sys::NetnsRef own = sys::NetnsRef::of_pid(::getpid());
  EXPECT_EQ(netns_of(web, directory_ + "/none"), own);
  EXPECT_EQ(netns_of(web, ""), own);
  make_file("0a2b3c4d5e6f");
  EXPECT_EQ(netns_of({.pid = ::getpid(), .sandbox = "/x/0a2b3c4d5e6f"}, directory_), own)
      << "a file, but no namespace";
  EXPECT_EQ(netns_of({.pid = ::getpid()}, directory_), own);
}

TEST_F(NetnsWatchTest, WhatIsNoContainersIsLeftOut) {
  make_directory();
  make_file("default");
  make_file("1-abcdefghij");
  const std::string path = make_file("1a2b3c4d5e6f");
  EXPECT_THAT(namespaces_in(directory_), ElementsAre(sys::NetnsRef(path)));
  EXPECT_THAT(namespaces_in(directory_ + "/none"), IsEmpty());
}

}  // namespace
}  // namespace nxgate::containers
