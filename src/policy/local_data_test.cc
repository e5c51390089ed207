#include "policy/local_data.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/address.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::policy {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kKey = 0x9e3779b97f4a7c15;

wire::DomainName name_of(std::string_view text) {
  return wire::DomainName::from_text(text).value();
}

std::vector<std::uint8_t> wire_of(const wire::DomainName& name) {
  return {name.wire().begin(), name.wire().end()};
}

std::span<const LocalRecord> find(const LocalData& data, std::string_view text,
                                  std::uint64_t key = kKey) {
  const wire::DomainName name = name_of(text);
  return data.find(wire::SuffixHashes(name, key));
}

LocalRecord address(const char* text) {
  const IpAddress parsed = IpAddress::parse(text).value();
  return {.type = parsed.is_v4() ? wire::Type::kA : wire::Type::kAaaa,
          .rdata = {parsed.bytes().begin(), parsed.bytes().end()}};
}

TEST(LocalData, FindsTheExactOwnerElseTheClosestWildcard) {
  LocalData data(kKey);
  data.add(name_of("x.test"), false, address("192.0.2.1"));
  data.add(name_of("x.test"), true, address("192.0.2.2"));
  data.add(name_of("test"), true, address("192.0.2.3"));
  data.add(name_of("x.test"), false, address("192.0.2.1"));
  ASSERT_EQ(find(data, "x.test").size(), 1U) << "an equal record is added once";
  EXPECT_EQ(find(data, "x.test")[0], address("192.0.2.1"));
  EXPECT_EQ(find(data, "a.b.X.test")[0], address("192.0.2.2"));
  EXPECT_EQ(find(data, "y.test")[0], address("192.0.2.3"));
  EXPECT_TRUE(find(data, "test").empty()) << "a wildcard isn't about the name itself";
  EXPECT_TRUE(find(data, "other").empty());
  EXPECT_EQ(data.size(), 3U);
  EXPECT_TRUE(data.owns(name_of("test"), true));
  EXPECT_FALSE(data.owns(name_of("test"), false));
}

TEST(LocalData, OwnersWithOneHashAreNotConfused) {
  constexpr std::uint64_t kWeakKey = 0;
  LocalData data(kWeakKey);
  data.add(name_of("ab.test"), false, address("192.0.2.1"));
  data.add(name_of("ba.test"), false, address("192.0.2.2"));
  data.add(name_of("ba.test"), true, address("192.0.2.3"));
  EXPECT_EQ(find(data, "ab.test", kWeakKey)[0], address("192.0.2.1"));
  EXPECT_EQ(find(data, "ba.test", kWeakKey)[0], address("192.0.2.2"));
  EXPECT_EQ(find(data, "x.ba.test", kWeakKey)[0], address("192.0.2.3"));
  EXPECT_TRUE(find(data, "ab.tset", kWeakKey).empty());
  EXPECT_EQ(data.names().size(), 3U);
}

TEST(LocalData, ManyRecordsOfOneOwnerAreToldApart) {
  LocalData data(kKey);
  constexpr std::uint32_t kMany = 50'000;
  for (int round = 0; round < 2; ++round) {
    for (std::uint32_t i = 0; i < kMany; ++i) {
      const auto byte = [i](int shift) { return static_cast<std::uint8_t>(i >> shift); };
      data.add(name_of("a.test"), false,
               {.type = wire::Type::kA, .rdata = {10, byte(16), byte(8), byte(0)}});
      data.add(name_of("b.test"), false, {.type = wire::Type::kA, .ttl = i % 40, .rdata = {}});
    }
  }
  EXPECT_EQ(find(data, "a.test").size(), kMany);
  EXPECT_EQ(find(data, "b.test").size(), 40);
}

TEST(LocalData, ReverseNames) {
  EXPECT_EQ(reverse_name(IpAddress::parse("192.0.2.10").value()).to_text(),
            "10.2.0.192.in-addr.arpa");
  EXPECT_EQ(reverse_name(IpAddress::parse("2001:db8::567:89ab").value()).to_text(),
            "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

TEST(Hosts, GivesAddressesAndTheFirstNameAsPointer) {
  LocalData data(kKey);
  const Faults faults = parse_hosts(
      "# comment\n"
      "10.0.0.5\tdb.test db # trailing\r\n"
      "\n"
      "fd00::5 db.test\n"
      "10.0.0.5 again.test\n"
      "fe80::1%lo0 localhost\n"
      "0.0.0.0 ads.test",
      "hosts", data);
  EXPECT_TRUE(faults.empty());
  ASSERT_EQ(find(data, "db.test").size(), 2U);
  EXPECT_EQ(find(data, "db.test")[0], address("10.0.0.5"));
  EXPECT_EQ(find(data, "db.test")[1], address("fd00::5"));
  EXPECT_EQ(find(data, "DB").size(), 1U);
  EXPECT_EQ(find(data, "again.test")[0], address("10.0.0.5"));
  ASSERT_EQ(find(data, "5.0.0.10.in-addr.arpa").size(), 1U);
  EXPECT_EQ(find(data, "5.0.0.10.in-addr.arpa")[0],
            (LocalRecord{.type = wire::Type::kPtr, .rdata = wire_of(name_of("db.test"))}));
  EXPECT_EQ(find(data, "ads.test").size(), 1U);
  EXPECT_TRUE(find(data, "0.0.0.0.in-addr.arpa").empty());
  EXPECT_TRUE(find(data, "localhost").empty());
}

TEST(Hosts, ReportsFaultsWithTheirPlaceAndGoesOn) {
  LocalData data(kKey);
  const Faults faults =
      parse_hosts("10.0.0 a\n10.0.0.1\n10.0.0.2 ok a..b *.c fine\n", "hosts", data);
  ASSERT_EQ(faults.size(), 4U);
  EXPECT_THAT(to_string(faults[0]), HasSubstr("hosts:1:1: `10.0.0` is not an address"));
  EXPECT_THAT(to_string(faults[1]), HasSubstr("hosts:2:1: `10.0.0.1` is not followed by a name"));
  EXPECT_THAT(to_string(faults[2]), HasSubstr("hosts:3:13: `a..b`"));
  EXPECT_THAT(to_string(faults[3]), HasSubstr("hosts:3:18: `*.c`"));
  EXPECT_EQ(find(data, "ok").size(), 1U);
  EXPECT_EQ(find(data, "fine").size(), 1U);
}

}  // namespace
}  // namespace nxgate::policy
