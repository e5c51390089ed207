#include "helper/helper.h"

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/address.h"
#include "helper/confinement.h"
#include "sys/attached.h"
#include "sys/broker.h"
#include "sys/child_process.h"
#include "sys/descriptor.h"
#include "sys/netlink.h"
#include "sys/netns.h"
#include "sys/privileges.h"
#include "sys/socket.h"
#include "sys/socket_owner.h"

namespace nxgate::helper {
namespace {

constexpr const char* kNoNamespaces[] = {"/etc/hostname", "/proc/self/ns/mnt", "/dev/null",
                                         "missing"};
constexpr sys::KeptCapabilities kEntering{.enter_namespaces = true, .find_by_process = true};

class HelperTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "giving up root takes root";
    auto started = Helper::start();
    ASSERT_TRUE(started) << started.error().message;
    helper_ = *std::move(started);
  }

  /// Our own namespace by a name, for the helper isn't asked for what has none.
  const sys::NetnsRef own_{"pid:" + std::to_string(::getpid())};
  const Endpoint any_port_{*IpAddress::parse("127.0.0.1"), 0};
  /// As of a server that has a listener and upstreams in `own_`, and a firewall on this host.
  const Reach reach_{.listeners = {{any_port_, "", own_, false}},
                     .upstream_namespaces = {own_.text()},
                     .attachable = {},
                     .engine = "",
                     .host_rules = true};
  std::unique_ptr<Helper> helper_;
};

TEST_F(HelperTest, IsAskedOnceItIsEmployed) {
  EXPECT_EQ(sys::Broker::active(), nullptr);
  ASSERT_TRUE(helper_->activate("nobody", kEntering, Confinement::kStrict, reach_));
  EXPECT_EQ(sys::Broker::active(), helper_.get());
  helper_.reset();
  EXPECT_EQ(sys::Broker::active(), nullptr);
}

TEST_F(HelperTest, HasItsRightsInsideANamespaceOfUsersAlone) {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "only a process of one thread enters a user namespace, and the sanitizer has one";
#endif
#endif
  const sys::ChildProcess inside([] { return ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0; });
  ASSERT_TRUE(inside.succeeded());
  const auto there = sys::NetnsRef::of_pid(inside.pid()).pin();
  ASSERT_TRUE(there) << there.error().message;
  sys::KeptCapabilities keep = kEntering;
  keep.change_rules = true;
  const auto done = helper_->activate("", keep, Confinement::kStrict,
                                      {.attachable = {there->text()}, .inside = inside.pid()});
  ASSERT_TRUE(done) << done.error().message;
  const auto attached = sys::Attached::at(*there);
  ASSERT_TRUE(attached) << attached.error().message;
  const auto socket = sys::open_netlink(NETLINK_NETFILTER, *there);
  ASSERT_TRUE(socket) << socket.error().message;
  EXPECT_FALSE(sys::open_netlink(NETLINK_NETFILTER, own_));
}

TEST_F(HelperTest, OpensListenersThatWorkHere) {
  ASSERT_TRUE(helper_->activate("nobody", kEntering, Confinement::kStrict, reach_));
  for (const sys::SocketKind kind : {sys::SocketKind::kUdp, sys::SocketKind::kTcp}) {
    auto socket = sys::open_listener(kind, {any_port_, "", own_, false}, sys::Sharing::kNobody);
    ASSERT_TRUE(socket) << socket.error().message;
    EXPECT_EQ(local_endpoint(*socket).address, *IpAddress::parse("127.0.0.1"));
    EXPECT_NE(local_port(*socket), 0);
  }
}

TEST_F(HelperTest, ConnectsToUpstreamsOfBothFamilies) {
  ASSERT_TRUE(helper_->activate("nobody", kEntering, Confinement::kStrict, reach_));
  for (const char* server : {"127.0.0.1:5300", "[::1]:5300"}) {
    const Endpoint to = *Endpoint::parse(server, 0);
    auto socket = sys::open_upstream_socket(sys::SocketKind::kUdp, to, own_);
    ASSERT_TRUE(socket) << server << socket.error().message();
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    ASSERT_EQ(::getpeername(socket->get(), reinterpret_cast<sockaddr*>(&peer), &size), 0);
    EXPECT_EQ(sys::to_endpoint(peer), to);
  }
}

TEST_F(HelperTest, KnowsNamespacesAndInterfaces) {
  const std::optional<std::uint64_t> identity = own_.identity();
  const unsigned loopback = sys::interface_index("lo", own_);
  ASSERT_TRUE(helper_->activate("nobody", kEntering, Confinement::kStrict, reach_));
  EXPECT_EQ(own_.identity(), identity);
  EXPECT_EQ(sys::interface_index("lo", own_), loopback);
  EXPECT_EQ(sys::interface_index("nowhere0", own_), 0U);
  EXPECT_EQ(sys::NetnsRef("missing").identity(), std::nullopt);
}

TEST_F(HelperTest, OpensNamespacesAndNothingElse) {
  Reach files = reach_;
  for (const char* other : kNoNamespaces) files.upstream_namespaces.emplace_back(other);
  ASSERT_TRUE(helper_->activate("nobody", kEntering, Confinement::kStrict, files));
  const auto opened = helper_->open_namespace(own_);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(sys::NetnsRef::of_descriptor("it", sys::Descriptor(::dup(opened->get()))).identity(),
            own_.identity());
  for (const char* other : kNoNamespaces) {
    EXPECT_FALSE(helper_->open_namespace(sys::NetnsRef(other))) << other;
  }
}

TEST_F(HelperTest, DoesNothingThatItWasNotToldOfAtStart) {
  const Reach nothing;
  ASSERT_TRUE(helper_->activate("nobody", {.enter_namespaces = true, .change_rules = true},
                                Confinement::kStrict, nothing));
  for (const sys::NetnsRef& netns : {own_, sys::NetnsRef()}) {
    const auto listener = sys::open_listener(sys::SocketKind::kUdp, {any_port_, "", netns, false},
                                             sys::Sharing::kNobody);
    ASSERT_FALSE(listener);
    EXPECT_TRUE(listener.error().message.contains("not told about this at start"));
    EXPECT_FALSE(sys::open_netlink(NETLINK_NETFILTER, netns));
    EXPECT_FALSE(sys::open_netlink(NETLINK_ROUTE, netns));
    EXPECT_FALSE(helper_->open_namespace(netns));
    EXPECT_EQ(helper_->identity(netns), std::nullopt);
    EXPECT_FALSE(helper_->find_by_peer(netns, IPPROTO_UDP, any_port_));
  }
  EXPECT_EQ(sys::open_upstream_socket(sys::SocketKind::kUdp, any_port_, own_).error(),
            std::errc::operation_not_permitted);
}

TEST_F(HelperTest, KnowsWhoTalksToWhom) {
  const sys::Descriptor socket = *sys::open_upstream_socket(
      sys::SocketKind::kUdp, *Endpoint::parse("127.0.0.1:40057", 0), sys::NetnsRef());
  ASSERT_TRUE(helper_->activate("nobody", {.find_by_process = true, .pass_permissions = true},
                                Confinement::kStrict, reach_));
  const auto seen =
      sys::find_by_peer(sys::NetnsRef(), IPPROTO_UDP, *Endpoint::parse("127.0.0.1:40057", 0));
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->pid, ::getpid());
  EXPECT_EQ(seen->name, "helper_test");
  EXPECT_FALSE(
      sys::find_by_peer(sys::NetnsRef(), IPPROTO_UDP, *Endpoint::parse("127.0.0.1:40058", 0)));
}

/// A list of links, with `more` behind it.
std::vector<std::uint8_t> list_of_links(std::size_t more = 0) {
  std::vector<std::uint8_t> bytes(sizeof(nlmsghdr) + sizeof(ifinfomsg) + more);
  const nlmsghdr head{.nlmsg_len = sizeof(nlmsghdr) + sizeof(ifinfomsg),
                      .nlmsg_type = RTM_GETLINK,
                      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                      .nlmsg_seq = 1,
                      .nlmsg_pid = 0};
  std::memcpy(bytes.data(), &head, sizeof head);
  return bytes;
}

TEST_F(HelperTest, SendsWhatIsOursAndWeReadTheAnswer) {
  ASSERT_TRUE(helper_->activate("nobody", {.change_rules = true}, Confinement::kStrict, reach_));
  const auto socket = sys::open_netlink(NETLINK_ROUTE, sys::NetnsRef());
  ASSERT_TRUE(socket) << socket.error().message;
  ASSERT_FALSE(sys::send_netlink(*socket, list_of_links()));
  nlmsghdr head{};
  ASSERT_GE(::recv(socket->get(), &head, sizeof head, MSG_DONTWAIT), long{sizeof head});
  EXPECT_EQ(head.nlmsg_type, RTM_NEWLINK);
}

TEST_F(HelperTest, DoesNotSendWhatIsNotOurs) {
  ASSERT_TRUE(helper_->activate("nobody", {.change_rules = true}, Confinement::kStrict, reach_));
  const auto socket = sys::open_netlink(NETLINK_ROUTE, sys::NetnsRef());
  ASSERT_TRUE(socket);
  EXPECT_EQ(sys::send_netlink(*socket, list_of_links(4)), std::errc::operation_not_permitted);
  EXPECT_FALSE(sys::open_netlink(NETLINK_XFRM, sys::NetnsRef()));
  EXPECT_EQ(sys::send_netlink(sys::NetlinkSocket(), list_of_links()),
            std::errc::operation_not_permitted);
  EXPECT_EQ(helper_->send_netlink(socket->number() + 1, list_of_links(), sys::Waiting::kClient),
            std::errc::operation_not_permitted);
}

TEST_F(HelperTest, HasASocketForAsLongAsWeHave) {
  ASSERT_TRUE(helper_->activate("nobody", {.change_rules = true}, Confinement::kStrict, reach_));
  std::uint64_t number = 0;
  {
    const auto socket = sys::open_netlink(NETLINK_ROUTE, sys::NetnsRef());
    ASSERT_TRUE(socket);
    number = socket->number();
    EXPECT_FALSE(helper_->send_netlink(number, list_of_links(), sys::Waiting::kNobody));
  }
  EXPECT_EQ(helper_->send_netlink(number, list_of_links(), sys::Waiting::kNobody),
            std::errc::operation_not_permitted);
}

TEST_F(HelperTest, TakesALongBatchInPieces) {
  ASSERT_TRUE(helper_->activate("nobody", {.change_rules = true}, Confinement::kStrict, reach_));
  const auto socket = sys::open_netlink(NETLINK_NETFILTER, sys::NetnsRef());
  ASSERT_TRUE(socket);
  const nlmsghdr begin{.nlmsg_len = sizeof(nlmsghdr) + sizeof(nfgenmsg),
                       .nlmsg_type = NFNL_MSG_BATCH_BEGIN,
                       .nlmsg_flags = NLM_F_REQUEST,
                       .nlmsg_seq = 1,
                       .nlmsg_pid = 0};
  std::vector<std::uint8_t> batch(begin.nlmsg_len * std::size_t{100'000});
  for (std::size_t at = 0; at < batch.size(); at += begin.nlmsg_len) {
    std::memcpy(batch.data() + at, &begin, sizeof begin);
  }
  EXPECT_FALSE(sys::send_netlink(*socket, batch));
  batch.push_back(0);
  EXPECT_EQ(sys::send_netlink(*socket, batch), std::errc::operation_not_permitted);
  batch.resize(sys::kLargestBatch + 1);
  EXPECT_EQ(sys::send_netlink(*socket, batch), std::errc::message_size);
}

TEST_F(HelperTest, SaysWhatIsWrongAsWeWould) {
  const sys::ListenAddress missing{any_port_, "", sys::NetnsRef("missing"), false};
  const auto here = sys::open_listener(sys::SocketKind::kUdp, missing, sys::Sharing::kNobody);
  const Reach named{.listeners = {missing}, .upstream_namespaces = {missing.netns.text()}};
  ASSERT_TRUE(helper_->activate("nobody", kEntering, Confinement::kStrict, named));
  const auto there = sys::open_listener(sys::SocketKind::kUdp, missing, sys::Sharing::kNobody);
  ASSERT_FALSE(here || there);
  EXPECT_EQ(here.error().message, there.error().message);
  EXPECT_EQ(
      sys::open_upstream_socket(sys::SocketKind::kUdp, missing.endpoint, missing.netns).error(),
      std::errc::network_unreachable);
}

TEST_F(HelperTest, TextsThatAreTooLongAreRefused) {
  ASSERT_TRUE(helper_->activate("nobody", kEntering, Confinement::kStrict, reach_));
  const sys::NetnsRef longer("/" + std::string(2000, 'a'));
  EXPECT_EQ(longer.identity(), std::nullopt);
  const auto refused = sys::open_listener(sys::SocketKind::kUdp, {any_port_, "", longer, false},
                                          sys::Sharing::kNobody);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("too long")) << refused.error().message;
  EXPECT_EQ(sys::interface_index(std::string(100, 'a'), own_), 0U);
  EXPECT_FALSE(sys::open_listener(sys::SocketKind::kUdp,
                                  {any_port_, std::string(100, 'a'), own_, false},
                                  sys::Sharing::kNobody));
}

TEST_F(HelperTest, WhatCantBeOpenHereIsNoFaultOfAServer) {
  ASSERT_TRUE(helper_->activate("nobody", kEntering, Confinement::kStrict, reach_));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const sys::Descriptor last(::dup(STDERR_FILENO));
  const rlimit full{static_cast<rlim_t>(last.get()) + 1, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &full), 0);
  const auto socket = sys::open_upstream_socket(sys::SocketKind::kUdp, any_port_, own_);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error(), std::errc::too_many_files_open);
}

TEST_F(HelperTest, CannotBecomeAUserThatIsntThere) {
  const auto activated = helper_->activate("no-such-user", kEntering, Confinement::kStrict, {});
  ASSERT_FALSE(activated);
  EXPECT_TRUE(activated.error().message.contains("no-such-user")) << activated.error().message;
}

TEST_F(HelperTest, ItsEndIsNoEndOfOurs) {
  ASSERT_TRUE(helper_->activate("nobody", kEntering, Confinement::kStrict, reach_));
  ASSERT_EQ(::kill(helper_->pid(), SIGKILL), 0);
  const sys::ListenAddress at{any_port_, "", own_, false};
  const auto socket = sys::open_listener(sys::SocketKind::kUdp, at, sys::Sharing::kNobody);
  ASSERT_FALSE(socket);
  EXPECT_TRUE(socket.error().message.contains("restart")) << socket.error().message;
  EXPECT_EQ(helper_->fate(), "was ended by signal 9 (Killed)");
}

bool readable(const sys::Descriptor& descriptor) {
  pollfd one{.fd = descriptor.get(), .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, 0) == 1;
}

bool stop(pid_t child) {
  int status = 0;
  return ::kill(child, SIGSTOP) == 0 && ::waitpid(child, &status, WUNTRACED) == child &&
         WIFSTOPPED(status);
}

TEST_F(HelperTest, OneThatHangsIsGoneForGood) {
  ASSERT_TRUE(helper_->activate("nobody", kEntering, Confinement::kStrict, reach_));
  ASSERT_TRUE(sys::open_upstream_socket(sys::SocketKind::kUdp, any_port_, own_));
  EXPECT_FALSE(readable(helper_->gone()));
  ASSERT_TRUE(stop(helper_->pid()));
  EXPECT_EQ(sys::open_upstream_socket(sys::SocketKind::kUdp, any_port_, own_).error(),
            std::errc::broken_pipe);
  EXPECT_TRUE(readable(helper_->gone()));
  EXPECT_EQ(helper_->fate(), "did not answer in time");
  ASSERT_EQ(::kill(helper_->pid(), SIGCONT), 0);
  // Nothing of the late answer, on either channel.
  EXPECT_EQ(sys::open_upstream_socket(sys::SocketKind::kUdp, any_port_, own_).error(),
            std::errc::broken_pipe);
  EXPECT_EQ(helper_->identity(own_), std::nullopt);
}

TEST_F(HelperTest, IsAskedWhetherItLives) {
  ASSERT_TRUE(helper_->activate("nobody", kEntering, Confinement::kStrict, reach_));
  helper_->ping();
  EXPECT_FALSE(readable(helper_->gone()));
  EXPECT_TRUE(sys::open_upstream_socket(sys::SocketKind::kUdp, any_port_, own_))
      << "no answer is left over";
  EXPECT_NE(helper_->identity(own_), std::nullopt);
  ASSERT_TRUE(stop(helper_->pid()));
  const auto before = std::chrono::steady_clock::now();
  helper_->ping();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(8));
  EXPECT_TRUE(readable(helper_->gone()));
}

TEST_F(HelperTest, OneThatHangsIsNotWaitedForAtTheEnd) {
  ASSERT_TRUE(helper_->activate("nobody", kEntering, Confinement::kStrict, reach_));
  const pid_t pid = helper_->pid();
  ASSERT_TRUE(stop(pid));
  helper_.reset();
  EXPECT_EQ(::kill(pid, 0), -1);
}

}  // namespace
}  // namespace nxgate::helper
