#include "helper/reach.h"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/address.h"
#include "sys/descriptor.h"
#include "sys/netns.h"
#include "sys/socket.h"

namespace nxgate::helper {
namespace {

/// Two namespaces of the test's own.
class ReachTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "making a namespace takes root";
    for (const std::string& name : {mine_, other_}) run("ip netns add " + name);
  }
  void TearDown() override {
    for (const std::string& name : {mine_, other_}) {
      (void)std::system(("ip netns del " + name + " 2>/dev/null").c_str());
    }
  }
  static void run(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0); }
  static std::uint64_t identity(const std::string& name) {
    return sys::NetnsRef(name).identity().value();
  }

  const std::string mine_ = fmt::format("nxt{}-mine", ::getpid());
  const std::string other_ = fmt::format("nxt{}-other", ::getpid());
  const sys::ListenAddress at_{{*IpAddress::parse("127.0.0.1"), 0}, "", {}, false};
};

TEST_F(ReachTest, WhatWasNamedIsAttachedByItsIdentity) {
  ReachCheck check(nullptr);
  check.agree({.attachable = {mine_}});
  EXPECT_FALSE(check.attached(identity(mine_))) << "not yet";
  ASSERT_TRUE(check.attach(identity(mine_)));
  const auto netns = check.attached(identity(mine_));
  ASSERT_TRUE(netns);
  EXPECT_EQ(netns->identity(), identity(mine_));
  EXPECT_NE(netns->held(), nullptr);
  EXPECT_TRUE(check.may_change(*netns));
  EXPECT_FALSE(check.may_change(sys::NetnsRef(mine_))) << "by its name it may be another by now";
  check.detach(identity(mine_));
  EXPECT_FALSE(check.may_change(*netns));
  EXPECT_FALSE(check.attached(identity(mine_)));
}

TEST_F(ReachTest, WhatWasAttachedTwiceIsDetachedTwice) {
  ReachCheck check(nullptr);
  check.agree({.attachable = {mine_}});
  const std::uint64_t netns = identity(mine_);
  ASSERT_TRUE(check.attach(netns) && check.attach(netns));
  check.detach(netns);
  EXPECT_TRUE(check.attached(netns));
  check.detach(netns);
  EXPECT_FALSE(check.attached(netns));
}

TEST_F(ReachTest, OthersAreNotAttached) {
  ReachCheck check(nullptr);
  check.agree({.attachable = {mine_}, .engine = "/run/engine.sock"});
  const auto refused = check.attach(identity(other_));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("/run/engine.sock")) << refused.error().message;
  EXPECT_FALSE(check.attach(0));
}

TEST_F(ReachTest, TheHostsIsNeverAttached) {
  ReachCheck check(nullptr);
  check.agree({.attachable = {"pid:1", "/proc/self/ns/net"}});
  for (const char* name : {"pid:1", "/proc/self/ns/net"}) {
    const auto host = sys::NetnsRef(name).identity();
    if (!host) continue;  // the first process may be out of reach, as in a sandbox
    const auto refused = check.attach(*host);
    ASSERT_FALSE(refused) << name;
    EXPECT_TRUE(refused.error().message.contains("host's own"));
  }
}

const std::string& engines() {
  static const std::string directory = fmt::format("/tmp/nxt{}-engine", ::getpid());
  return directory;
}

TEST_F(ReachTest, AnEnginesNamespacesAreThoseInItsDirectory) {
  std::filesystem::create_directory(engines());
  const auto put = [](const std::string& name, const std::string& as) {
    std::ofstream(engines() + "/" + as);
    run("mount --bind /run/netns/" + name + " " + engines() + "/" + as);
  };
  put(mine_, "0123456789ab");
  ReachCheck check([](const std::string&) { return engines(); });
  check.agree({.engine = "/run/engine.sock"});
  EXPECT_TRUE(check.attach(identity(mine_)));
  EXPECT_FALSE(check.attach(identity(other_)));
  put(other_, "default");
  EXPECT_FALSE(check.attach(identity(other_))) << "that is the engine's own";
  for (const char* each : {"/0123456789ab", "/default"}) run("umount " + engines() + each);
  std::filesystem::remove_all(engines());
}

TEST_F(ReachTest, ListenersAreThoseOfTheConfiguration) {
  const sys::ListenAddress there{*Endpoint::parse("192.0.2.1:53", 0), "", sys::NetnsRef(mine_),
                                 false};
  const sys::ListenAddress here{*Endpoint::parse("192.0.2.1:53", 0), "eth0", {}, true};
  ReachCheck check(nullptr);
  check.agree({.listeners = {there, here}});
  EXPECT_TRUE(check.may_listen(there));
  EXPECT_TRUE(check.may_listen(here));
  sys::ListenAddress wrong = there;
  wrong.endpoint.port = 54;
  EXPECT_FALSE(check.may_listen(wrong));
  wrong = there;
  wrong.netns = sys::NetnsRef(other_);
  EXPECT_FALSE(check.may_listen(wrong));
  wrong = here;
  wrong.interface = "eth1";
  EXPECT_FALSE(check.may_listen(wrong));
}

TEST_F(ReachTest, WhereItIsAttachedItListensOnLoopbackOrOnAllAddresses) {
  ReachCheck check(nullptr);
  check.agree({.attachable = {mine_}});
  sys::ListenAddress at = at_;
  ASSERT_TRUE(check.attach(identity(mine_)));
  at.netns = check.attached(identity(mine_)).value();
  EXPECT_TRUE(check.may_listen(at));
  at.endpoint = {*IpAddress::parse("::1"), 0};
  EXPECT_TRUE(check.may_listen(at));
  at.endpoint = {*IpAddress::parse("0.0.0.0"), 0};
  EXPECT_TRUE(check.may_listen(at)) << "where what comes from behind is redirected to";
  at.endpoint = {*IpAddress::parse("192.0.2.1"), 0};
  EXPECT_FALSE(check.may_listen(at));
  at.endpoint = at_.endpoint;
  EXPECT_TRUE(check.may_listen(at));
  at.interface = "lo";
  EXPECT_FALSE(check.may_listen(at));
  at.interface = "";
  check.detach(identity(mine_));
  EXPECT_FALSE(check.may_listen(at)) << "not attached";
}

TEST_F(ReachTest, OfTheHostItListensOnAllAddressesWhereItChangesItsRules) {
  for (const bool changes_rules : {false, true}) {
    ReachCheck check(nullptr);
    check.agree({.host_rules = changes_rules});
    sys::ListenAddress at{.endpoint = {IpAddress(), 0}};
    EXPECT_EQ(check.may_listen(at), changes_rules);
    at.endpoint.port = 443;
    EXPECT_FALSE(check.may_listen(at)) << "a port of others";
  }
}

TEST_F(ReachTest, UpstreamsAreAskedWhereTheConfigurationSays) {
  ReachCheck check(nullptr);
  check.agree({.upstream_namespaces = {mine_}, .attachable = {other_}});
  EXPECT_TRUE(check.may_ask_upstreams_in(sys::NetnsRef(mine_)));
  EXPECT_FALSE(check.may_ask_upstreams_in(sys::NetnsRef(other_)));
  EXPECT_FALSE(check.may_ask_upstreams_in(sys::NetnsRef()));
  ASSERT_TRUE(check.attach(identity(other_)));
  EXPECT_FALSE(check.may_ask_upstreams_in(check.attached(identity(other_)).value()))
      << "nothing is sent from a container";
  EXPECT_TRUE(check.may_look_at(sys::NetnsRef(mine_)));
  EXPECT_FALSE(check.may_look_at(sys::NetnsRef("pid:1")));
}

TEST_F(ReachTest, TheHostsRulesAreChangedOnlyIfThatWasAsked) {
  ReachCheck check(nullptr);
  EXPECT_FALSE(check.may_change(sys::NetnsRef()));
  check.agree({.host_rules = true});
  EXPECT_TRUE(check.may_change(sys::NetnsRef()));
  // With a descriptor and without a name it would be entered as if it were our own.
  EXPECT_FALSE(
      check.may_change(sys::NetnsRef::of_descriptor("", sys::NetnsRef(mine_).open().value())));
}

}  // namespace
}  // namespace nxgate::helper
