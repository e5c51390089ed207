#include "engine/cookie.h"

#include <gtest/gtest.h>

namespace nxgate::engine {
namespace {

const IpAddress kClient = *IpAddress::parse("10.0.0.7");

TEST(ServerCookie, HasTheFormOfRfc9018) {
  const FullCookie made = make_cookie({}, kClient, 0x01020304);
  EXPECT_EQ((std::vector<std::uint8_t>(made.begin() + 8, made.begin() + 16)),
            (std::vector<std::uint8_t>{1, 0, 0, 0, 1, 2, 3, 4}));
}

TEST(ServerCookie, DependsOnClientCookieAddressAndTimeAlone) {
  wire::Cookie other;
  other.client[0] = 1;
  const FullCookie made = make_cookie({}, kClient, 1);
  EXPECT_EQ(made, make_cookie({}, kClient, 1));
  EXPECT_NE(made, make_cookie(other, kClient, 1));
  EXPECT_NE(made, make_cookie({}, *IpAddress::parse("10.0.0.8"), 1));
  const FullCookie later = make_cookie({}, kClient, 2);
  EXPECT_FALSE(std::equal(made.begin() + 16, made.end(), later.begin() + 16));
}

}  // namespace
}  // namespace nxgate::engine
