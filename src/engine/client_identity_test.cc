#include "engine/client_identity.h"

#include <string_view>

#include <gtest/gtest.h>

#include "base/address.h"
#include "policy/policy.h"

namespace nxgate::engine {
namespace {

IpAddress address(const char* text) { return IpAddress::parse(text).value(); }

TEST(Payer, IsWhoeverMayHaveTheAddress) {
  const policy::Policy policy;
  const auto client_of = [&](const char* text, std::string_view listener = {}) {
    return budget_client_of(policy, address(text), listener);
  };
  EXPECT_EQ(client_of("127.0.0.1"), client_of("127.9.8.7"));
  EXPECT_EQ(client_of("127.0.0.1"), client_of("::1"));
  EXPECT_EQ(client_of("fd00::1"), client_of("fd00::2:0:0:9"));
  EXPECT_NE(client_of("fd00::1"), client_of("fd00:0:0:1::1"));
  EXPECT_NE(client_of("10.0.0.1"), client_of("10.0.0.2"));
  EXPECT_EQ(client_of("10.0.0.1", "ci"), client_of("127.0.0.1", "ci"));
  EXPECT_NE(client_of("127.0.0.1", "ci"), client_of("127.0.0.1", "web"));
}

TEST(Payer, IsTheContainerAlsoInANewNamespace) {
  policy::Policy web;
  web.budget_key = "container 0a1b";
  policy::Policy other;
  other.budget_key = "container 0a1c";
  const IpAddress loopback = address("127.0.0.1");
  EXPECT_EQ(budget_client_of(web, loopback, "attached/7"),
            budget_client_of(web, loopback, "attached/8"));
  EXPECT_NE(budget_client_of(web, loopback, "attached/7"),
            budget_client_of(other, loopback, "attached/7"));
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
