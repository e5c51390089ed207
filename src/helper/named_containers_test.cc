#include "helper/named_containers.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "helper/reach.h"
#include "sys/netns.h"

namespace nxgate::helper {
namespace {

using testing::HasSubstr;

/// What the engine says about every name.
Result<sys::NetnsRef> answer = fail("doesn't exist");
int questions = 0;

std::string engines() { return fmt::format("/tmp/nxt{}-named", ::getpid()); }

class NamedContainersTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "making a namespace takes root";
    std::filesystem::create_directory(engines());
    for (const std::string& name : {mine_, other_}) run("ip netns add " + name);
    put(mine_, kFile);
    answer = fail("doesn't exist");
    questions = 0;
    containers_.agree({.containers = {"web"}, .containers_engine = "/run/engine.sock"});
  }
  void TearDown() override {
    (void)std::system(("umount " + engines() + "/* 2>/dev/null").c_str());
    std::filesystem::remove_all(engines());
    for (const std::string& name : {mine_, other_}) {
      (void)std::system(("ip netns del " + name + " 2>/dev/null").c_str());
    }
  }
  static void run(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0); }
  static void put(const std::string& name, const std::string& as) {
    std::ofstream(engines() + "/" + as);
    run("mount --bind /run/netns/" + name + " " + engines() + "/" + as);
  }
  [[nodiscard]] Result<sys::NetnsRef> at(const std::string& netns) const {
    return containers_.at(sys::NetnsRef(netns));
  }
  [[nodiscard]] std::string fault() const {
    const auto there = at("container:web");
    return there ? "" : there.error().message;
  }

  static constexpr const char* kFile = "0123456789ab";
  const std::string mine_ = fmt::format("nxt{}-mine", ::getpid());
  const std::string other_ = fmt::format("nxt{}-other", ::getpid());
  const ReachCheck bounds_{nullptr};
  NamedContainers containers_{{[](const std::string&) { return engines(); },
                               [](const std::string&, const std::string&) {
                                 ++questions;
                                 return answer;
                               }}};
};

TEST_F(NamedContainersTest, OneIsFoundWhereTheEngineSaysAndInItsDirectory) {
  EXPECT_THAT(fault(), HasSubstr("container web isn't known yet"));
  containers_.look(bounds_);
  EXPECT_EQ(fault(), "container web doesn't exist");
  answer = sys::NetnsRef(mine_);
  containers_.look(bounds_);
  const auto there = at("container:web");
  ASSERT_TRUE(there) << there.error().message;
  EXPECT_EQ(there->identity(), sys::NetnsRef(mine_).identity());
  EXPECT_EQ(there->text(), "container:web");
  EXPECT_NE(there->held(), nullptr);
  run(fmt::format("umount {}/{}", engines(), kFile));
}

TEST_F(NamedContainersTest, OthersAreWhatTheyAreAndUnknownNamesNothing) {
  EXPECT_EQ(at("/run/netns/x")->text(), "/run/netns/x");
  EXPECT_TRUE(at("")->own());
  EXPECT_FALSE(at("container:other"));
}

TEST_F(NamedContainersTest, WhereverTheEngineSaysItsOwnAndTheHostsAreNobodys) {
  answer = sys::NetnsRef();
  containers_.look(bounds_);
  EXPECT_EQ(fault(), "container web uses the host's network");
  answer = sys::NetnsRef(other_);
  containers_.look(bounds_);
  EXPECT_THAT(fault(), HasSubstr("isn't among those of the engine's containers"));
  put(other_, "default");
  containers_.look(bounds_);
  EXPECT_THAT(fault(), HasSubstr("isn't among those of the engine's containers"));
}

TEST_F(NamedContainersTest, TheEngineIsAskedAgainWhenTheNamespaceIsGone) {
  put(other_, "aaaaaaaaaaaa");
  answer = sys::NetnsRef(mine_);
  containers_.look(bounds_);
  containers_.look(bounds_);
  EXPECT_EQ(questions, 1) << "it is still there";
  run("ip netns del " + mine_);
  answer = sys::NetnsRef(other_);
  containers_.look(bounds_);
  EXPECT_EQ(questions, 2);
  EXPECT_EQ(at("container:web")->identity(), sys::NetnsRef(other_).identity());
}

}  // namespace
}  // namespace nxgate::helper
