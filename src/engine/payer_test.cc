#include "engine/payer.h"

#include <string_view>

#include <gtest/gtest.h>

#include "base/address.h"
#include "policy/policy.h"

namespace nxgate::engine {
namespace {

IpAddress address(const char* text) { return IpAddress::parse(text).value(); }

TEST(Payer, IsWhoeverMayHaveTheAddress) {
  const policy::Policy policy;
  const auto payer = [&](const char* text, std::string_view listener = {}) {
    return payer_of(policy, address(text), listener);
  };
  EXPECT_EQ(payer("127.0.0.1"), payer("127.9.8.7"));
  EXPECT_EQ(payer("127.0.0.1"), payer("::1"));
  EXPECT_EQ(payer("fd00::1"), payer("fd00::2:0:0:9"));
  EXPECT_NE(payer("fd00::1"), payer("fd00:0:0:1::1"));
  EXPECT_NE(payer("10.0.0.1"), payer("10.0.0.2"));
  EXPECT_EQ(payer("10.0.0.1", "ci"), payer("127.0.0.1", "ci"));
  EXPECT_NE(payer("127.0.0.1", "ci"), payer("127.0.0.1", "web"));
}

TEST(Payer, IsTheContainerAlsoInANewNamespace) {
  policy::Policy web;
  web.payer = "container 0a1b";
  policy::Policy other;
  other.payer = "container 0a1c";
  const IpAddress loopback = address("127.0.0.1");
  EXPECT_EQ(payer_of(web, loopback, "attached/7"), payer_of(web, loopback, "attached/8"));
  EXPECT_NE(payer_of(web, loopback, "attached/7"), payer_of(other, loopback, "attached/7"));
}

TEST(CachePart, IsEverybodysThePolicysOrTheClients) {
  policy::Policy shared;
  EXPECT_EQ(cache_part_of(shared, address("10.0.0.1")), 0);

  policy::Policy ci;
  ci.cache_part = cache_part_named("ci");
  EXPECT_NE(ci.cache_part, 0);
  EXPECT_NE(ci.cache_part, cache_part_named("web"));
  EXPECT_EQ(cache_part_of(ci, address("10.0.0.1")), cache_part_of(ci, address("10.0.0.2")));

  ci.cache_by_address = true;
  EXPECT_NE(cache_part_of(ci, address("10.0.0.1")), cache_part_of(ci, address("10.0.0.2")));
  EXPECT_EQ(cache_part_of(ci, address("fd00::1")), cache_part_of(ci, address("fd00::2")));
}

}  // namespace
}  // namespace nxgate::engine
