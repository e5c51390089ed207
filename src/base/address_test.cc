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

TEST(EmbeddedIPv4, IsWhatATranslatorWouldTurnTheAddressInto) {
  for (const char* text : {"::10.1.2.3", "64:ff9b::10.1.2.3", "64:ff9b:1::10.1.2.3",
                           "64:ff9b:1:7:8:9:10.1.2.3", "2002:a01:203::", "2002:a01:203:7::1"}) {
    const auto embedded = embedded_ipv4(*IpAddress::parse(text));
    ASSERT_TRUE(embedded) << text;
    EXPECT_EQ(embedded->to_string(), "10.1.2.3") << text;
  }
  EXPECT_EQ(embedded_ipv4(*IpAddress::parse("::2"))->to_string(), "0.0.0.2");
}

TEST(EmbeddedIPv4, IsInNoOtherAddress) {
  for (const char* text :
       {"::", "::1", "::1:10.1.2.3", "64:ff9b::1:10.1.2.3", "64:ff9b:2::10.1.2.3",
        "2003:a01:203::", "2001:db8::10.1.2.3", "10.1.2.3", "::ffff:10.1.2.3"}) {
    EXPECT_FALSE(embedded_ipv4(*IpAddress::parse(text))) << text;
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
