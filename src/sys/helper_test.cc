#include "sys/helper.h"

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/address.h"
#include "sys/confinement.h"
#include "sys/netns.h"
#include "sys/privileges.h"
#include "sys/socket.h"

namespace nxgate::sys {
namespace {

constexpr KeptCapabilities kEntering{.enter_namespaces = true, .find_by_process = true};

class HelperTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "giving up root takes root";
    auto started = Helper::start();
    ASSERT_TRUE(started) << started.error().message;
    helper_ = *std::move(started);
  }

  /// Our own namespace by a name, for the helper isn't asked for what has none.
  const NetnsRef own_{"pid:" + std::to_string(::getpid())};
  const Endpoint any_port_{*IpAddress::parse("127.0.0.1"), 0};
  std::unique_ptr<Helper> helper_;
};

TEST_F(HelperTest, IsAskedOnceItIsEmployed) {
  EXPECT_EQ(Helper::employed(), nullptr);
  ASSERT_TRUE(helper_->employ("nobody", kEntering, Confinement::kStrict));
  EXPECT_EQ(Helper::employed(), helper_.get());
  helper_.reset();
  EXPECT_EQ(Helper::employed(), nullptr);
}

TEST_F(HelperTest, OpensListenersThatWorkHere) {
  ASSERT_TRUE(helper_->employ("nobody", kEntering, Confinement::kStrict));
  for (const SocketKind kind : {SocketKind::kUdp, SocketKind::kTcp}) {
    auto socket = open_listener(kind, {any_port_, "", own_, false}, Sharing::kNobody);
    ASSERT_TRUE(socket) << socket.error().message;
    EXPECT_EQ(local_endpoint(*socket).address, *IpAddress::parse("127.0.0.1"));
    EXPECT_NE(local_port(*socket), 0);
  }
}

TEST_F(HelperTest, ConnectsToUpstreamsOfBothFamilies) {
  ASSERT_TRUE(helper_->employ("nobody", kEntering, Confinement::kStrict));
  for (const char* server : {"127.0.0.1:5300", "[::1]:5300"}) {
    const Endpoint to = *Endpoint::parse(server, 0);
    auto socket = open_upstream_socket(SocketKind::kUdp, to, own_);
    ASSERT_TRUE(socket) << server << socket.error().message();
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    ASSERT_EQ(::getpeername(socket->get(), reinterpret_cast<sockaddr*>(&peer), &size), 0);
    EXPECT_EQ(to_endpoint(peer), to);
  }
}

TEST_F(HelperTest, KnowsNamespacesAndInterfaces) {
  const std::optional<std::uint64_t> identity = own_.identity();
  const unsigned loopback = interface_index("lo", own_);
  ASSERT_TRUE(helper_->employ("nobody", kEntering, Confinement::kStrict));
  EXPECT_EQ(own_.identity(), identity);
  EXPECT_EQ(interface_index("lo", own_), loopback);
  EXPECT_EQ(interface_index("nowhere0", own_), 0U);
  EXPECT_EQ(NetnsRef("missing").identity(), std::nullopt);
}

TEST_F(HelperTest, ReachesAPinnedNamespace) {
  auto pinned = own_.pin();
  ASSERT_TRUE(pinned) << pinned.error().message;
  ASSERT_TRUE(helper_->employ("nobody", {.enter_namespaces = true}, Confinement::kStrict));
  EXPECT_TRUE(open_upstream_socket(SocketKind::kUdp, *Endpoint::parse("127.0.0.1:1", 0), *pinned));
}

TEST_F(HelperTest, SaysWhatIsWrongAsWeWould) {
  const ListenAddress missing{any_port_, "", NetnsRef("missing"), false};
  const auto here = open_listener(SocketKind::kUdp, missing, Sharing::kNobody);
  ASSERT_TRUE(helper_->employ("nobody", kEntering, Confinement::kStrict));
  const auto there = open_listener(SocketKind::kUdp, missing, Sharing::kNobody);
  ASSERT_FALSE(here || there);
  EXPECT_EQ(here.error().message, there.error().message);
  EXPECT_EQ(open_upstream_socket(SocketKind::kUdp, missing.endpoint, missing.netns).error(),
            std::errc::network_unreachable);
}

TEST_F(HelperTest, TextsThatAreTooLongAreRefused) {
  ASSERT_TRUE(helper_->employ("nobody", kEntering, Confinement::kStrict));
  const NetnsRef longer("/" + std::string(2000, 'a'));
  EXPECT_EQ(longer.identity(), std::nullopt);
  const auto refused =
      open_listener(SocketKind::kUdp, {any_port_, "", longer, false}, Sharing::kNobody);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("long name")) << refused.error().message;
  EXPECT_EQ(interface_index(std::string(100, 'a'), own_), 0U);
  EXPECT_FALSE(open_listener(SocketKind::kUdp, {any_port_, std::string(100, 'a'), own_, false},
                             Sharing::kNobody));
}

TEST_F(HelperTest, CannotBecomeAUserThatIsntThere) {
  const auto employed = helper_->employ("no-such-user", kEntering, Confinement::kStrict);
  ASSERT_FALSE(employed);
  EXPECT_TRUE(employed.error().message.contains("no-such-user")) << employed.error().message;
}

TEST_F(HelperTest, ItsEndIsNoEndOfOurs) {
  ASSERT_TRUE(helper_->employ("nobody", kEntering, Confinement::kStrict));
  ASSERT_EQ(::kill(helper_->pid(), SIGKILL), 0);
  const ListenAddress at{any_port_, "", own_, false};
  const auto socket = open_listener(SocketKind::kUdp, at, Sharing::kNobody);
  ASSERT_FALSE(socket);
  EXPECT_TRUE(socket.error().message.contains("restart")) << socket.error().message;
}

}  // namespace
}  // namespace nxgate::sys
