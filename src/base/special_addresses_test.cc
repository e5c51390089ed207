#include "base/special_addresses.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/address.h"
#include "base/bytes.h"

namespace nxgate {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

using Octets = std::vector<std::uint8_t>;

/// The first address of a range, or the last.
Octets end_of(const Prefix& range, bool last) {
  const Bytes address = range.address().bytes();
  Octets octets(address.begin(), address.end());
  for (std::size_t bit = range.length(); bit < octets.size() * 8 && last; ++bit) {
    octets[bit / 8] = static_cast<std::uint8_t>(octets[bit / 8] | 0x80U >> bit % 8);
  }
  return octets;
}

/// The address before or behind; nothing at the end of all addresses.
std::optional<Octets> neighbour(Octets octets, bool behind) {
  for (std::size_t i = octets.size(); i-- > 0;) {
    const std::uint8_t edge = behind ? 0xff : 0;
    const bool carries = octets[i] == edge;
    octets[i] = static_cast<std::uint8_t>(octets[i] + (behind ? 1 : -1));
    if (!carries) return octets;
  }
  return std::nullopt;
}

IpAddress address_of(const Octets& octets) { return IpAddress::from_bytes(octets).value(); }

/// What the table says, read in the simplest way.
bool expected(const IpAddress& address) {
  const SpecialRange* narrowest = nullptr;
  int longest = -1;
  for (const SpecialRange& row : special_ranges()) {
    const Prefix range = Prefix::parse(row.range).value();
    if (!range.contains(address) || range.length() <= longest) continue;
    narrowest = &row;
    longest = range.length();
  }
  return narrowest != nullptr && narrowest->is_private;
}

std::vector<IpAddress> embedded_in(const IpAddress& address) {
  const EmbeddedAddresses found(address);
  return {found.begin(), found.end()};
}

TEST(SpecialRanges, AreJudgedAtBothEndsAndBeyond) {
  for (const SpecialRange& row : special_ranges()) {
    const Prefix range = Prefix::parse(row.range).value();
    for (const bool last : {false, true}) {
      const Octets end = end_of(range, last);
      EXPECT_EQ(is_private(address_of(end)), expected(address_of(end))) << row.range;
      const auto beyond = neighbour(end, last);
      if (!beyond) continue;
      EXPECT_EQ(is_private(address_of(*beyond)), expected(address_of(*beyond))) << row.range;
    }
  }
}

TEST(SpecialRanges, AreAsTheRegistryCallsThem) {
  for (const SpecialRange& row : special_ranges()) {
    if (row.reachable == GloballyReachable::kNo) EXPECT_TRUE(row.is_private) << row.range;
    if (row.reachable == GloballyReachable::kYes) EXPECT_FALSE(row.is_private) << row.range;
    EXPECT_THAT(std::string(row.source), testing::StartsWith("RFC ")) << row.range;
  }
}

/// The rows of both registries as IANA had them on 18 July 2026, but for ::ffff:0:0/96, whose
/// addresses are IPv4 here.
TEST(SpecialRanges, AreTheRowsOfTheRegistries) {
  using enum GloballyReachable;
  const std::vector<std::pair<std::string, GloballyReachable>> registries{
      {"0.0.0.0/8", kNo},
      {"0.0.0.0/32", kNo},
      {"10.0.0.0/8", kNo},
      {"100.64.0.0/10", kNo},
      {"127.0.0.0/8", kNo},
      {"169.254.0.0/16", kNo},
      {"172.16.0.0/12", kNo},
      {"192.0.0.0/24", kNo},
      {"192.0.0.0/29", kNo},
      {"192.0.0.8/32", kNo},
      {"192.0.0.9/32", kYes},
      {"192.0.0.10/32", kYes},
      {"192.0.0.170/32", kNo},
      {"192.0.0.171/32", kNo},
      {"192.0.2.0/24", kNo},
      {"192.31.196.0/24", kYes},
      {"192.52.193.0/24", kYes},
      {"192.88.99.0/24", kEnded},
      {"192.88.99.2/32", kNo},
      {"192.168.0.0/16", kNo},
      {"192.175.48.0/24", kYes},
      {"198.18.0.0/15", kNo},
      {"198.51.100.0/24", kNo},
      {"203.0.113.0/24", kNo},
      {"240.0.0.0/4", kNo},
      {"255.255.255.255/32", kNo},
      {"::1/128", kNo},
      {"::/128", kNo},
      {"64:ff9b::/96", kYes},
      {"64:ff9b:1::/48", kNo},
      {"100::/64", kNo},
      {"100:0:0:1::/64", kNo},
      {"2001::/23", kNo},
      {"2001::/32", kNotApplicable},
      {"2001:1::1/128", kYes},
      {"2001:1::2/128", kYes},
      {"2001:1::3/128", kYes},
      {"2001:2::/48", kNo},
      {"2001:3::/32", kYes},
      {"2001:4:112::/48", kYes},
      {"2001:10::/28", kEnded},
      {"2001:20::/28", kYes},
      {"2001:30::/28", kYes},
      {"2001:db8::/32", kNo},
      {"2002::/16", kNotApplicable},
      {"2620:4f:8000::/48", kYes},
      {"3fff::/20", kNo},
      {"5f00::/16", kNo},
      {"fc00::/7", kNo},
      {"fe80::/10", kNo},
  };
  std::vector<std::pair<std::string, GloballyReachable>> ours;
  for (const SpecialRange& row : special_ranges()) {
    if (row.reachable != kNotListed) ours.emplace_back(row.range, row.reachable);
  }
  EXPECT_EQ(ours, registries);
}

/// Pinned apart from the table.
TEST(SpecialRanges, HaveWhatTheyMust) {
  for (const char* text :
       {"0.0.0.0",     "10.1.2.3",        "100.64.0.1",   "127.0.0.1",   "169.254.169.254",
        "172.31.0.1",  "192.0.0.1",       "192.0.2.1",    "192.88.99.1", "192.88.99.2",
        "192.168.0.1", "198.19.0.1",      "198.51.100.1", "203.0.113.1", "224.0.0.251",
        "240.0.0.1",   "255.255.255.255", "::",           "::1",         "64:ff9b:1::1",
        "100::1",      "100:0:0:1::1",    "2001::1",      "2001:2::1",   "2001:10::1",
        "2001:1ff::1", "2001:db8::1",     "3fff:fff::1",  "5f00::1",     "fd00::1",
        "fe80::1",     "fec0::1",         "ff02::1",      "2001:1::4"}) {
    EXPECT_TRUE(is_private(*IpAddress::parse(text))) << text;
  }
  for (const char* text :
       {"1.1.1.1",      "9.255.255.255",    "11.0.0.0",        "100.128.0.0",     "192.0.0.9",
        "192.0.0.10",   "192.0.1.0",        "192.31.196.1",    "192.52.193.1",    "192.88.98.255",
        "192.88.100.0", "192.175.48.1",     "198.20.0.0",      "223.255.255.255", "2001:1::1",
        "2001:1::2",    "2001:1::3",        "2001:3::1",       "2001:4:112::1",   "2001:20::1",
        "2001:30::1",   "2001:200::1",      "2002:808:808::1", "2606:4700::1111", "2620:4f:8000::1",
        "3fff:1000::1", "64:ff9b::808:808", "5eff::1",         "5f01::1",         "fbff::1",
        "100:0:0:2::1"}) {
    EXPECT_FALSE(is_private(*IpAddress::parse(text))) << text;
  }
}

TEST(Embeddings, HaveTheirExample) {
  for (const Embedding& form : embeddings()) {
    const auto address = IpAddress::parse(form.example);
    ASSERT_TRUE(address) << form.example;
    EXPECT_THAT(embedded_in(*address), Contains(*IpAddress::parse("192.0.2.33"))) << form.name;
  }
}

TEST(Embeddings, OfEveryPrivateRangeAreFound) {
  for (const SpecialRange& row : special_ranges()) {
    const Prefix range = Prefix::parse(row.range).value();
    if (!range.address().is_v4() || !row.is_private) continue;
    for (const bool last : {false, true}) {
      const Octets inner = end_of(range, last);
      for (const Embedding& form : embeddings()) {
        std::array<std::uint8_t, 16> octets = form.value;
        for (std::size_t i = 0; i < inner.size(); ++i) {
          octets[form.at[i]] = static_cast<std::uint8_t>(inner[i] ^ form.flipped);
        }
        const IpAddress address = IpAddress::v6(octets);
        if (address.is_unspecified() || address.is_v4()) continue;  // :: and ::ffff:0:0
        EXPECT_THAT(embedded_in(address), Contains(address_of(inner)))
            << form.name << ' ' << row.range;
      }
    }
  }
}

TEST(Embeddings, AreInNoOtherAddress) {
  for (const char* text :
       {"::", "::1", "::1:10.1.2.3", "64:ff9b::1:10.1.2.3", "64:ff9b:2::10.1.2.3",
        "2003:a01:203::", "2001:db8::10.1.2.3", "2606:4700:0:0:1:5efe:10.1.2.3",
        "2606:4700::100:5efe:10.1.2.3", "10.1.2.3", "::ffff:10.1.2.3"}) {
    EXPECT_THAT(embedded_in(*IpAddress::parse(text)), IsEmpty()) << text;
  }
  EXPECT_THAT(embedded_in(*IpAddress::parse("fe80::200:5efe:10.1.2.3")),
              Contains(*IpAddress::parse("10.1.2.3")))
      << "ISATAP with the bit for universal";
}

/// The tables of the page are made from those of the program: run this with
/// NXGATE_WRITE_REFERENCE=1 to write them anew.
TEST(SpecialAddresses, ThePageIsCurrent) {
  const std::string path = "docs/egress.md";
  const std::string head = "<!-- made from src/base/special_addresses.cc -->\n";
  std::ifstream file(path);
  std::string page{std::istreambuf_iterator<char>(file), {}};
  const std::size_t at = page.find(head);
  ASSERT_NE(at, std::string::npos);
  const std::size_t end = page.find("<!-- end -->", at);
  ASSERT_NE(end, std::string::npos);
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  if (std::getenv("NXGATE_WRITE_REFERENCE") != nullptr) {
    page.replace(at + head.size(), end - at - head.size(), special_addresses_page());
    std::ofstream(path) << page;
  }
  EXPECT_THAT(page, HasSubstr(head + special_addresses_page() + "<!-- end -->"));
}

}  // namespace
}  // namespace nxgate
