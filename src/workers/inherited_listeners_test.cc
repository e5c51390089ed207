#include "workers/inherited_listeners.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/address.h"
#include "serve/worker_context.h"
#include "sys/handed_sockets.h"
#include "sys/netns.h"
#include "sys/socket.h"

namespace nxgate::workers {
namespace {

using testing::HasSubstr;

serve::Listener listener(const Endpoint& endpoint, const char* interface = "",
                         const char* netns = "") {
  return {{endpoint, interface, sys::NetnsRef(netns)}, {}};
}

/// A socket as it is handed over, at any free port.
sys::HandedSocket socket(sys::SocketKind kind, bool shareable = false) {
  const sys::ListenAddress at{
      .endpoint = *Endpoint::parse("127.0.0.1", 0), .interface = "", .netns = {}};
  auto opened = sys::open_listener(kind, at, sys::Sharing::kNobody);
  EXPECT_TRUE(opened);
  const Endpoint endpoint = sys::local_endpoint(*opened);
  return {.name = "socket 3, " + endpoint.to_string(),
          .socket = *std::move(opened),
          .kind = kind,
          .endpoint = endpoint,
          .interface = "",
          .shareable = shareable};
}

Result<InheritedListeners> match_one(const serve::Listener& place, sys::HandedSocket handed) {
  std::vector<sys::HandedSocket> sockets;
  sockets.push_back(std::move(handed));
  return match_inherited({place, listener(*Endpoint::parse("192.0.2.1:53", 0))}, std::move(sockets),
                         2);
}

TEST(Match, LeavesEverythingToTheWorkersIfNothingIsHandedOver) {
  const auto inherited = match_inherited({listener(*Endpoint::parse("127.0.0.1:53", 0))}, {}, 2);
  ASSERT_TRUE(inherited);
  EXPECT_EQ(inherited->all.size(), 1U);
  EXPECT_EQ(inherited->shared.size(), 1U);
  EXPECT_TRUE(inherited->open.empty());
}

TEST(Match, GivesASocketToItsListener) {
  for (const bool shareable : {true, false}) {
    sys::HandedSocket udp = socket(sys::SocketKind::kUdp, shareable);
    const serve::Listener place = listener(udp.endpoint);
    const auto inherited = match_one(place, std::move(udp));
    ASSERT_TRUE(inherited) << inherited.error().message;
    ASSERT_EQ(inherited->open.size(), 1U);
    EXPECT_EQ(inherited->open[0].listener.at, place.at);
    EXPECT_TRUE(inherited->open[0].udp);
    EXPECT_FALSE(inherited->open[0].tcp);
    EXPECT_EQ(inherited->all.size(), 2U);
    EXPECT_EQ(inherited->shared.size(), shareable ? 2U : 1U);
  }
}

TEST(Match, RefusesASocketThatNoListenerIsFor) {
  const auto refusal = [](const serve::Listener& place, sys::HandedSocket handed) {
    const auto inherited = match_one(place, std::move(handed));
    return inherited ? "(none)" : inherited.error().message;
  };
  sys::HandedSocket other = socket(sys::SocketKind::kTcp);
  const Endpoint wrong_port{other.endpoint.address,
                            static_cast<std::uint16_t>(other.endpoint.port ^ 1)};
  const std::string name = other.name;
  const std::string text = refusal(listener(wrong_port), std::move(other));
  EXPECT_THAT(text, HasSubstr(name));
  EXPECT_THAT(text, HasSubstr("192.0.2.1:53"));

  sys::HandedSocket bare = socket(sys::SocketKind::kUdp);
  const Endpoint endpoint = bare.endpoint;
  EXPECT_THAT(refusal(listener(endpoint, "eth1"), std::move(bare)),
              HasSubstr("matches no listener"));
  sys::HandedSocket ours = socket(sys::SocketKind::kUdp);
  const Endpoint inside = ours.endpoint;
  EXPECT_THAT(refusal(listener(inside, "", "box"), std::move(ours)),
              HasSubstr("matches no listener"));
}

TEST(Match, RefusesASecondSocketForTheSame) {
  std::vector<sys::HandedSocket> sockets;
  sockets.push_back(socket(sys::SocketKind::kUdp));
  sockets.push_back(socket(sys::SocketKind::kUdp));
  sockets[1].endpoint = sockets[0].endpoint;
  const serve::Listener place = listener(sockets[0].endpoint);
  const auto inherited = match_inherited({place}, std::move(sockets), 1);
  ASSERT_FALSE(inherited);
  EXPECT_THAT(inherited.error().message, HasSubstr("twice"));
}

}  // namespace
}  // namespace nxgate::workers
