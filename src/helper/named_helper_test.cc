// The helper as a server with `container:NAME` in its configuration has it.
#include <cstdlib>
#include <memory>
#include <string>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/address.h"
#include "base/error.h"
#include "helper/confinement.h"
#include "helper/helper.h"
#include "helper/reach.h"
#include "sys/netns.h"
#include "sys/privileges.h"
#include "sys/socket.h"

namespace nxgate::helper {
namespace {

using testing::HasSubstr;

/// The helper is a copy of this process.
const pid_t kTest = ::getpid();

std::string ours(const std::string& container) { return fmt::format("nxt{}-{}", kTest, container); }

/// A container for each name.
Result<sys::NetnsRef> find(const std::string& /*engine*/, const std::string& name) {
  return sys::NetnsRef(ours(name));
}

TEST(NamedHelper, ListensAndAsksWhereTheConfigurationNamesAContainerAndNowhereElse) {
  if (::geteuid() != 0) GTEST_SKIP() << "making a namespace takes root";
  for (const char* const each : {"web", "other"}) {
    ASSERT_EQ(std::system(("ip netns add " + ours(each)).c_str()), 0);
    ASSERT_EQ(std::system(("ip -n " + ours(each) + " link set lo up").c_str()), 0);
  }
  auto helper = Helper::start({[](const std::string&) { return std::string("/run/netns"); }, find});
  ASSERT_TRUE(helper) << helper.error().message;
  const sys::NetnsRef web("container:web");
  const sys::NetnsRef other("container:other");
  const sys::ListenAddress at{*Endpoint::parse("127.0.0.1:5300", 0), "", web, false};
  const Reach reach{.listeners = {at},
                    .upstream_namespaces = {web.text()},
                    .attachable = {},
                    .engine = "",
                    .containers = {"web"},
                    .containers_engine = "/run/engine.sock"};
  const sys::KeptCapabilities keep{
      .enter_namespaces = true, .find_by_process = true, .pass_permissions = true};
  ASSERT_TRUE((*helper)->activate("nobody", keep, Confinement::kStrict, reach));
  for (int i = 0; i < 200 && !web.identity(); ++i) ::usleep(20'000);  // until it has looked

  EXPECT_EQ(web.identity(), sys::NetnsRef(ours("web")).identity());
  EXPECT_TRUE((*helper)->open_listener(sys::SocketKind::kUdp, at, sys::Sharing::kWorkers));
  const Endpoint server = *Endpoint::parse("127.0.0.11:53", 0);
  EXPECT_TRUE((*helper)->open_upstream_socket(sys::SocketKind::kUdp, server, web));

  sys::ListenAddress elsewhere = at;
  elsewhere.netns = other;
  const auto refused =
      (*helper)->open_listener(sys::SocketKind::kUdp, elsewhere, sys::Sharing::kWorkers);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("was not told about this at start"));
  EXPECT_FALSE((*helper)->open_upstream_socket(sys::SocketKind::kUdp, server, other));
  EXPECT_EQ(other.identity(), std::nullopt);
  elsewhere = at;
  elsewhere.endpoint.port = 53;
  EXPECT_FALSE((*helper)->open_listener(sys::SocketKind::kUdp, elsewhere, sys::Sharing::kWorkers))
      << "another port than the configuration's";
  EXPECT_FALSE((*helper)->open_netlink(12, web)) << "it attaches nothing there";
  EXPECT_FALSE((*helper)->attach(*sys::NetnsRef(ours("web")).pin()));
  helper->reset();
  for (const char* const each : {"web", "other"}) {
    (void)std::system(("ip netns del " + ours(each)).c_str());
  }
}

}  // namespace
}  // namespace nxgate::helper
