#include "base/address.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace nxgate {
namespace {

TEST(IpAddress, ReadsAndPrintsBothFamilies) {
  EXPECT_EQ(IpAddress::parse("192.0.2.1")->to_string(), "192.0.2.1");
  EXPECT_EQ(IpAddress::parse("2001:DB8::1")->to_string(), "2001:db8::1");
  for (const char* bad : {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "::1::", "[::1]", "1.2.3.4 "}) {
    EXPECT_FALSE(IpAddress::parse(bad)) << bad;
  }
}

TEST(IpAddress, MappedAddressIsItsIPv4Self) {
  EXPECT_EQ(*IpAddress::parse("::ffff:10.0.0.7"), *IpAddress::parse("10.0.0.7"));
}

TEST(IpAddress, IsReadFromFourOrSixteenBytes) {
  const std::array<std::uint8_t, 17> bytes{10, 0, 0, 7};
  EXPECT_EQ(IpAddress::from_bytes(Bytes(bytes).first(4))->to_string(), "10.0.0.7");
  EXPECT_EQ(IpAddress::from_bytes(Bytes(bytes).first(16))->to_string(), "a00:7::");
  for (const std::size_t size : {0U, 3U, 5U, 15U, 17U}) {
    EXPECT_FALSE(IpAddress::from_bytes(Bytes(bytes).first(size))) << size;
  }
}

TEST(Endpoint, WantsBracketsForIPv6WithPort) {
  EXPECT_EQ(Endpoint::parse("127.0.0.1:5353", 53)->port, 5353);
  EXPECT_EQ(Endpoint::parse("127.0.0.1", 53)->port, 53);
  EXPECT_EQ(Endpoint::parse("[::1]:5353", 53)->to_string(), "[::1]:5353");
  EXPECT_EQ(Endpoint::parse("[::1]", 53)->port, 53);
  EXPECT_EQ(Endpoint::parse("::1", 53)->port, 53);
  for (const char* bad : {"127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:5x", "[::1",
                          "[127.0.0.1]:53", "[::1]53", ":53", "host:53"}) {
    EXPECT_FALSE(Endpoint::parse(bad, 53)) << bad;
  }
}

TEST(RemoteEndpoint, TakesTheZoneOfALinkLocalAddress) {
  const auto alone = RemoteEndpoint::parse("fe80::1%eth0", 53);
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->zone, "eth0");
  EXPECT_EQ(alone->host(), "fe80::1%eth0");
  EXPECT_EQ(alone->to_string(), "[fe80::1%eth0]:53");
  EXPECT_EQ(RemoteEndpoint::parse("[fe80::1%eth0]:5353", 53)->to_string(), "[fe80::1%eth0]:5353");
  EXPECT_EQ(RemoteEndpoint::parse("[febf::1%2]", 53)->to_string(), "[febf::1%2]:53");
  EXPECT_EQ(RemoteEndpoint::parse("192.0.2.1:5353", 53)->to_string(), "192.0.2.1:5353");
  EXPECT_NE(alone, RemoteEndpoint::parse("fe80::1%eth1", 53));
  EXPECT_FALSE(alone->lacks_zone());
  EXPECT_TRUE(RemoteEndpoint::parse("fe80::1", 53)->lacks_zone());
  EXPECT_FALSE(RemoteEndpoint::parse("2001:db8::1", 53)->lacks_zone());
  for (const char* bad :
       {"fe80::1%", "[fe80::1%]:53", "fe80::1%a b", "fe80::1%a%b", "fe80::1%a/b", "[fe80::1%eth0",
        "[fe80::1%eth0]53", "fe80::1%eth0:53", "fe80::1%sixteen-letters-", "2001:db8::1%eth0",
        "fec0::1%eth0", "192.0.2.1%eth0", "%eth0"}) {
    EXPECT_FALSE(RemoteEndpoint::parse(bad, 53)) << bad;
  }
}

TEST(Prefix, ContainsByBits) {
  EXPECT_TRUE(Prefix::parse("10.0.0.0/8")->contains(*IpAddress::parse("10.255.0.1")));
  EXPECT_FALSE(Prefix::parse("10.0.0.0/8")->contains(*IpAddress::parse("11.0.0.1")));
  EXPECT_TRUE(Prefix::parse("192.0.2.128/25")->contains(*IpAddress::parse("192.0.2.200")));
  EXPECT_FALSE(Prefix::parse("192.0.2.128/25")->contains(*IpAddress::parse("192.0.2.100")));
  EXPECT_TRUE(Prefix::parse("fd00::/8")->contains(*IpAddress::parse("fdff::1")));
  EXPECT_FALSE(Prefix::parse("::/0")->contains(*IpAddress::parse("10.0.0.1")));
  EXPECT_TRUE(Prefix::parse("0.0.0.0/0")->contains(*IpAddress::parse("::ffff:10.0.0.1")));
  EXPECT_TRUE(Prefix::parse("10.0.0.7")->contains(*IpAddress::parse("10.0.0.7")));
  for (const char* bad : {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "fd00::/129", "x/8"}) {
    EXPECT_FALSE(Prefix::parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace nxgate
