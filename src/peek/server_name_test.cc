#include "peek/server_name.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/address.h"
#include "wire/name.h"

namespace nxgate::peek {
namespace {

using Kind = ServerName::Kind;
using namespace std::string_view_literals;

TEST(ServerName, ZeroIsUnusable) {
  EXPECT_EQ(ServerName{}.kind, Kind::kUnusable);
  EXPECT_EQ(ServerName::absent().kind, Kind::kAbsent);
}

TEST(ServerName, NamesAreCanonicalAndKeptAsSaid) {
  for (const char* text : {"www.example.com", "WWW.Example.COM", "www.example.com."}) {
    const ServerName read = read_server_name(text);
    EXPECT_EQ(read.kind, Kind::kName) << text;
    EXPECT_EQ(read.name, *wire::DomainName::from_text("www.example.com")) << text;
    EXPECT_EQ(read.text, text);
  }
  for (const char* text : {"localhost", "a_b.example", "-a-.example", "1.example", "0x7f.example",
                           "example.0y", "xn--caf-dma.example", "127.0.0.1.example"}) {
    EXPECT_EQ(read_server_name(text).kind, Kind::kName) << text;
    EXPECT_EQ(read_uri_host(text).kind, Kind::kName) << text;
  }
}

TEST(ServerName, AddressesAreNoNames) {
  EXPECT_EQ(read_server_name("192.0.2.1").address, IpAddress::parse("192.0.2.1"));
  EXPECT_EQ(read_server_name("192.0.2.1.").kind, Kind::kAddress);
  EXPECT_EQ(read_server_name("2001:db8::1").address, IpAddress::parse("2001:db8::1"));
  EXPECT_EQ(read_uri_host("[2001:db8::1]").address, IpAddress::parse("2001:db8::1"));
  EXPECT_EQ(read_uri_host("[::ffff:192.0.2.1]").address, IpAddress::parse("192.0.2.1"));
  EXPECT_EQ(read_uri_host("192.0.2.1").kind, Kind::kAddress);
}

TEST(ServerName, OddAddressesAreNeither) {
  for (const char* text : {"1", "127.1", "1.2.3", "1.2.3.4.5", "0x7f.1", "0x7f000001", "0X7f",
                           "256.1.1.1", "example.0x1", "example.123", "[192.0.2.1]", "[::1", "::1]",
                           "[]", "[::1%lo]", "fe80::1%1", "[::1].", "[::1]x", "[[::1]]"}) {
    EXPECT_EQ(read_server_name(text).kind, Kind::kUnusable) << text;
    EXPECT_EQ(read_uri_host(text).kind, Kind::kUnusable) << text;
  }
  EXPECT_EQ(read_server_name("[::1]").kind, Kind::kUnusable);
  EXPECT_EQ(read_uri_host("::1").kind, Kind::kUnusable);
}

TEST(ServerName, WhatIsNoHostNameIsUnusable) {
  for (const std::string_view text :
       {""sv,      "."sv,           ".."sv,  "a.."sv,   ".a"sv,
        "a..b"sv,  "a b"sv,         " a"sv,  "a "sv,    "a\0"sv,
        "\0"sv,    "a\0.example"sv, "a\t"sv, "a\r\n"sv, "caf\xc3\xa9.example"sv,
        "a\x7f"sv, "*.example"sv,   "a/b"sv, "a@b"sv,   "a:80"sv,
        "a\\.b"sv, "a\\046b"sv,     "a,b"sv, "a%2eb"sv}) {
    EXPECT_EQ(read_server_name(text).kind, Kind::kUnusable) << text;
    EXPECT_EQ(read_uri_host(text).kind, Kind::kUnusable) << text;
  }
}

TEST(ServerName, LengthLimitsAreExact) {
  const std::string label(63, 'x');
  EXPECT_EQ(read_server_name(label + ".example").kind, Kind::kName);
  EXPECT_EQ(read_server_name(label + "x.example").kind, Kind::kUnusable);
  const std::string three = label + "." + label + "." + label + ".";
  EXPECT_EQ(read_server_name(three + std::string(61, 'y')).kind, Kind::kName);
  EXPECT_EQ(read_server_name(three + std::string(61, 'y') + ".").kind, Kind::kName);
  EXPECT_EQ(read_server_name(three + std::string(62, 'y')).kind, Kind::kUnusable);
  const ServerName longest = read_server_name(std::string(1000, 'z'));
  EXPECT_EQ(longest.kind, Kind::kUnusable);
  EXPECT_EQ(longest.text, std::string(ServerName::kLongestText, 'z'));
}

}  // namespace
}  // namespace nxgate::peek
