#include "containers/process.h"

#include <string>

#include <gtest/gtest.h>

namespace nxgate::containers {
namespace {

TEST(Cgroup, HoldsTheContainersId) {
  const std::string id = std::string(63, '0') + "f";
  EXPECT_EQ(container_of_cgroup("0::/docker/" + id + "\n"), id);
  EXPECT_EQ(container_of_cgroup("0::/system.slice/docker-" + id + ".scope\n"), id);
  EXPECT_EQ(container_of_cgroup("2:cpu:/docker/" + id + "\n1:name=systemd:/docker/" + id), id);
  EXPECT_EQ(container_of_cgroup("0::/docker/" + std::string(64, 'a') + "/docker/" + id), id);
  EXPECT_FALSE(container_of_cgroup("0::/user.slice/abc\n"));
  EXPECT_FALSE(container_of_cgroup("0::/docker/" + id + "0"));
  EXPECT_FALSE(container_of_cgroup(""));
  EXPECT_FALSE(container_of_cgroup("0::/docker/" + id + "/docker/buildkit/xyz\n"))
      << "a step of a build by an engine in a container";
  EXPECT_FALSE(container_of_cgroup("2:cpu:/docker/" + id +
                                   "/buildkit/xyz\n1:name=systemd:/docker/" + id +
                                   "/buildkit/xyz\n0::/\n"));
  EXPECT_EQ(container_of_cgroup("0::/x/buildkit/y/docker/" + id + "\n"), id);
}

}  // namespace
}  // namespace nxgate::containers
