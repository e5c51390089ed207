#include "base/client_key.h"

#include <string_view>

#include <gtest/gtest.h>

#include "base/address.h"

namespace nxgate {
namespace {

ClientKey at(const char* address, std::string_view policy = {}) {
  return client_at(*IpAddress::parse(address), policy);
}

TEST(ClientKey, IsWhoeverMayHaveTheAddress) {
  EXPECT_EQ(at("127.0.0.1"), at("127.9.8.7"));
  EXPECT_EQ(at("127.0.0.1"), at("::1"));
  EXPECT_EQ(at("fd00::1"), at("fd00::2:0:0:9"));
  EXPECT_NE(at("fd00::1"), at("fd00:0:0:1::1"));
  EXPECT_NE(at("10.0.0.1"), at("10.0.0.2"));
  EXPECT_TRUE(at("10.0.0.1"));
  EXPECT_FALSE(ClientKey{});
}

TEST(ClientKey, TellsListenersApart) {
  EXPECT_EQ(at("10.0.0.1", "ci"), at("10.0.0.1", "ci"));
  EXPECT_NE(at("10.0.0.1", "ci"), at("10.0.0.1", "web"));
  EXPECT_NE(at("10.0.0.1", "ci"), at("10.0.0.2", "ci"));
  EXPECT_NE(at("10.0.0.1", "ci"), at("10.0.0.1"));
  EXPECT_EQ(client_behind("attached/7"), client_behind("attached/7"));
  EXPECT_NE(client_behind("attached/7"), client_behind("attached/8"));
}

}  // namespace
}  // namespace nxgate
