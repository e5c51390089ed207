#include "docker/container_place.h"

#include <string>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "docker/fake_engine.h"
#include "sys/netns.h"

namespace nxgate::docker {
namespace {

using testing::HasSubstr;

class ContainerPlaceTest : public testing::Test {
 protected:
  [[nodiscard]] std::string fault(const std::string& name) const {
    const auto found = find_container_netns(engine_.path(), name);
    return found ? "" : found.error().message;
  }
  /// A running container whose first process is this test.
  void put(const std::string& name, const std::string& mode = "default") {
    engine_.put_raw('a', fmt::format(R"({{"Id":"{}","Name":"/{}","Image":"sha256:1",
        "State":{{"Running":true,"Pid":{}}},"Config":{{"Labels":{{}}}},
        "HostConfig":{{"NetworkMode":"{}"}},"NetworkSettings":{{"SandboxKey":"","Networks":{{}}}}}})",
                                     FakeEngine::id('a'), name, ::getpid(), mode));
  }

  FakeEngine engine_{testing::TempDir() + fmt::format("nxgate_place.{}", ::getpid())};
};

TEST_F(ContainerPlaceTest, TheNamespaceOfItsProcess) {
  put("web");
  const auto found = find_container_netns(engine_.path(), FakeEngine::id('a'));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->identity(), sys::NetnsRef().identity());
}

TEST_F(ContainerPlaceTest, WhyThereIsNone) {
  EXPECT_EQ(fault(FakeEngine::id('b')), "doesn't exist");
  put("web", "host");
  EXPECT_EQ(fault(FakeEngine::id('a')), "uses the host's network");
  engine_.stop('a');
  EXPECT_THAT(fault(FakeEngine::id('a')), testing::AnyOf("isn't running", "doesn't exist"));
  engine_.fail_inspections('a', "500 Internal Server Error");
  EXPECT_THAT(fault(FakeEngine::id('a')), HasSubstr("500 Internal Server Error"));
}

TEST_F(ContainerPlaceTest, WhatIsNoContainerIsNone) {
  engine_.put_raw('a', R"({"Id":7})");
  EXPECT_THAT(fault(FakeEngine::id('a')), HasSubstr("can't be looked for"));
  engine_.put_raw('a', "{");
  EXPECT_THAT(fault(FakeEngine::id('a')), HasSubstr("can't be looked for"));
}

TEST_F(ContainerPlaceTest, NoEngine) {
  const auto found = find_container_netns("/nowhere.sock", "web");
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message, HasSubstr("no Docker engine at /nowhere.sock"));
}

}  // namespace
}  // namespace nxgate::docker
