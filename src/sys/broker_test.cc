#include "sys/broker.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <unistd.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "sys/attached.h"
#include "sys/descriptor.h"
#include "sys/netlink.h"
#include "sys/netns.h"
#include "sys/onward_socket.h"
#include "sys/socket.h"
#include "sys/socket_owner.h"
#include "sys/xdp_queue.h"

namespace nxgate::sys {
namespace {

/// Grants nothing but netlink sockets, and notes what it was asked.
class FakeBroker final : public Broker {
 public:
  FakeBroker() { set_active(); }
  ~FakeBroker() override = default;

  Result<Descriptor> open_listener(SocketKind, const ListenAddress&, Sharing) const override {
    return note("open_listener"), fail("no");
  }
  std::expected<Descriptor, std::error_code> open_upstream_socket(SocketKind, const RemoteEndpoint&,
                                                                  const NetnsRef&) const override {
    return note("open_upstream_socket"), std::unexpected(refused());
  }
  std::expected<std::vector<Descriptor>, std::error_code> open_sockets(
      SocketKind, Family, std::size_t, const NetnsRef&) const override {
    return note("open_sockets"), std::unexpected(refused());
  }
  unsigned interface_index(const std::string&, const NetnsRef&) const override {
    return note("interface_index"), 7U;
  }
  Result<NetlinkSocket> open_netlink(int, const NetnsRef&) const override {
    note("open_netlink");
    return NetlinkSocket(Descriptor(), 42);
  }
  std::error_code send_netlink(std::uint64_t socket, Bytes, Waiting) const override {
    return note("send_netlink " + std::to_string(socket)), refused();
  }
  void close_netlink(std::uint64_t socket) const override {
    note("close_netlink " + std::to_string(socket));
  }
  std::expected<Descriptor, std::error_code> hold_queue(const NetnsRef&,
                                                        const LinkQueue&) const override {
    return note("hold_queue"), std::unexpected(refused());
  }
  std::optional<ProcessSeen> find_by_peer(const NetnsRef&, std::uint8_t,
                                          const Endpoint&) const override {
    return note("find_by_peer"), std::nullopt;
  }
  std::optional<std::uint64_t> identity(const NetnsRef&) const override {
    return note("identity"), 4711U;
  }
  Result<Descriptor> open_namespace(const NetnsRef&) const override {
    return note("open_namespace"), fail("no");
  }
  Result<void> attach(const NetnsRef&) const override {
    note("attach");
    return {};
  }
  void detach(const NetnsRef&) const override { note("detach"); }

  /// What it was asked since the last call.
  std::vector<std::string> asked() { return std::exchange(asked_, {}); }

 private:
  static std::error_code refused() {
    return std::make_error_code(std::errc::operation_not_permitted);
  }
  void note(std::string what) const { asked_.push_back(std::move(what)); }

  mutable std::vector<std::string> asked_;
};

using Asked = std::vector<std::string>;

const NetnsRef kMissing("missing-netns");
const Endpoint kSomewhere = *Endpoint::parse("127.0.0.1:40059", 0);

TEST(Broker, IsActiveUntilItEnds) {
  EXPECT_EQ(Broker::active(), nullptr);
  auto broker = std::make_unique<FakeBroker>();
  EXPECT_EQ(Broker::active(), broker.get());
  auto next = std::make_unique<FakeBroker>();
  broker.reset();
  EXPECT_EQ(Broker::active(), next.get());
  next.reset();
  EXPECT_EQ(Broker::active(), nullptr);
}

TEST(Broker, IsAskedForSockets) {
  FakeBroker broker;
  EXPECT_FALSE(
      open_listener(SocketKind::kUdp, {kSomewhere, "", NetnsRef(), false}, Sharing::kNobody));
  EXPECT_FALSE(open_upstream_socket(SocketKind::kUdp, kSomewhere, kMissing));
  EXPECT_FALSE(open_sockets(SocketKind::kTcp, Family::kIpv4, 1, kMissing));
  EXPECT_EQ(interface_index("eth7", kMissing), 7U);
  EXPECT_FALSE(hold_queue(NetnsRef(), {}));
  EXPECT_FALSE(find_by_peer(NetnsRef(), 17, kSomewhere));
  EXPECT_EQ(broker.asked(), (Asked{"open_listener", "open_upstream_socket", "open_sockets",
                                   "interface_index", "hold_queue", "find_by_peer"}));
}

TEST(Broker, IsNotAskedForWhatTakesNoRight) {
  FakeBroker broker;
  EXPECT_TRUE(open_upstream_socket(SocketKind::kUdp, kSomewhere, NetnsRef()));
  EXPECT_NE(interface_index("lo", NetnsRef()), 0U);
  EXPECT_TRUE(NetnsRef().identity());
  EXPECT_TRUE(NetnsRef().open());
  EXPECT_EQ(broker.asked(), Asked());
}

TEST(Broker, SeesNamespacesThatWeCannot) {
  FakeBroker broker;
  EXPECT_EQ(kMissing.identity(), 4711U);
  EXPECT_FALSE(kMissing.open());
  EXPECT_EQ(broker.asked(), (Asked{"identity", "open_namespace"}));
}

TEST(Broker, HasANetlinkSocketForAsLongAsWeHave) {
  FakeBroker broker;
  {
    const auto socket = open_netlink(NETLINK_ROUTE, NetnsRef());
    ASSERT_TRUE(socket);
    EXPECT_EQ(send_netlink(*socket, {}), std::errc::operation_not_permitted);
  }
  EXPECT_EQ(broker.asked(), (Asked{"open_netlink", "send_netlink 42", "close_netlink 42"}));
}

TEST(Broker, AttachesUntilTheLastOneIsGone) {
  auto pinned = NetnsRef("pid:" + std::to_string(::getpid())).pin();
  ASSERT_TRUE(pinned);
  EXPECT_TRUE(Attached::at(*pinned)) << "without a broker there is nothing to ask";
  FakeBroker broker;
  {
    auto right = Attached::at(*pinned);
    ASSERT_TRUE(right);
    const Attached moved = *std::move(right);
    EXPECT_EQ(broker.asked(), Asked{"attach"});
  }
  EXPECT_EQ(broker.asked(), Asked{"detach"});
}

}  // namespace
}  // namespace nxgate::sys
