#include "containers/cgroup.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

namespace nxgate::containers {
namespace {

namespace fs = std::filesystem;

class CgroupTest : public ::testing::Test {
 protected:
  CgroupTest() { fs::create_directories(root_); }
  ~CgroupTest() override { fs::remove_all(root_); }

  void write(const std::string& file, const std::string& text) const {
    fs::create_directories(fs::path(root_ + "/" + file).parent_path());
    std::ofstream(root_ + "/" + file) << text;
  }

  const std::string root_ = ::testing::TempDir() + "nxgate_cgroup." + std::to_string(::getpid());
  const std::string id_ = std::string(64, 'a');
};

TEST_F(CgroupTest, OfVersionTwoSaysWhetherAnythingIsInIt) {
  write("cgroup.controllers", "");
  const std::string file = "system.slice/docker-" + id_ + ".scope/cgroup.events";
  write(file, "populated 1\nfrozen 0\n");
  const auto cgroup = Cgroup::in("0::/system.slice/docker-" + id_ + ".scope/inner\n", id_, root_);
  ASSERT_TRUE(cgroup);
  EXPECT_EQ(cgroup->state(), Cgroup::State::kPopulated);
  write(file, "populated 0\nfrozen 0\n");
  EXPECT_EQ(cgroup->state(), Cgroup::State::kEmpty);
}

TEST_F(CgroupTest, OfVersionOneIsTheThreadsInItAndBelow) {
  write("pids/docker/" + id_ + "/tasks", "17\n");
  const std::string text = "9:name=systemd:/docker/" + id_ + "\n8:pids:/docker/" + id_ + "\n";
  const auto cgroup = Cgroup::in(text, id_, root_);
  ASSERT_TRUE(cgroup);
  EXPECT_EQ(cgroup->state(), Cgroup::State::kPopulated);
  write("pids/docker/" + id_ + "/tasks", "");
  EXPECT_EQ(cgroup->state(), Cgroup::State::kEmpty);
  write("pids/docker/" + id_ + "/inner/deep/tasks", "18\n");
  write("pids/docker/" + id_ + "/inner/tasks", "");
  EXPECT_EQ(cgroup->state(), Cgroup::State::kPopulated);
}

TEST_F(CgroupTest, OnceRemovedIsEmpty) {
  write("pids/docker/" + id_ + "/tasks", "17\n");
  const auto cgroup = Cgroup::in("8:pids:/docker/" + id_ + "\n", id_, root_);
  ASSERT_TRUE(cgroup);
  fs::remove_all(root_ + "/pids/docker/" + id_);
  EXPECT_EQ(cgroup->state(), Cgroup::State::kUnknown) << "its file system isn't mounted";
  write("pids/cgroup.procs", "");
  EXPECT_EQ(cgroup->state(), Cgroup::State::kEmpty);
}

TEST_F(CgroupTest, OfNobodyIsNone) {
  write("pids/docker/" + id_ + "/tasks", "17\n");
  EXPECT_FALSE(Cgroup::in("8:pids:/docker/" + std::string(64, 'b') + "\n", id_, root_));
  EXPECT_FALSE(Cgroup::in("8:cpu:/docker/" + id_ + "\n", id_, root_)) << "it isn't there";
  EXPECT_FALSE(Cgroup::in("8:pids", id_, root_));
  EXPECT_FALSE(Cgroup::in("", id_, root_));
}

}  // namespace
}  // namespace nxgate::containers
