#include "firewall/told_addresses.h"

#include <array>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "base/address.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "wire/name.h"

namespace nxgate::firewall {
namespace {

wire::DomainName name(const std::string& text) { return *wire::DomainName::from_text(text); }

IpAddress address(unsigned number) {
  return IpAddress::v4({10, static_cast<std::uint8_t>(number >> 16),
                        static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)});
}

const Instant kNow{};
const ClientKey kOne = client_behind("one");
const ClientKey kTwo = client_behind("two");

TEST(ToldAddresses, KnowsClientNameAndAddressEachForItself) {
  ToldAddresses told;
  ASSERT_TRUE(told.tell(kOne, name("a.test"), address(1), kNow + Seconds(9), kNow, false));
  EXPECT_TRUE(told.has(kOne, name("a.test"), address(1), kNow));
  EXPECT_FALSE(told.has(kTwo, name("a.test"), address(1), kNow));
  EXPECT_FALSE(told.has(kOne, name("b.a.test"), address(1), kNow));
  EXPECT_FALSE(told.has(kOne, name("a.test"), address(2), kNow));
  EXPECT_FALSE(told.has(kOne, name("a.test"), address(1), kNow + Seconds(9)));
}

TEST(ToldAddresses, WhatNobodyInParticularWasToldIsEverybodys) {
  ToldAddresses told;
  ASSERT_TRUE(told.tell({}, name("a.test"), address(1), kNow + Seconds(9), kNow, false));
  EXPECT_TRUE(told.has(kTwo, name("a.test"), address(1), kNow));
}

TEST(ToldAddresses, AnEndMovesBackAndNeverForth) {
  ToldAddresses told;
  for (const int end : {9, 20, 5}) {
    ASSERT_TRUE(told.tell(kOne, name("a.test"), address(1), kNow + Seconds(end), kNow, false));
  }
  EXPECT_TRUE(told.has(kOne, name("a.test"), address(1), kNow + Seconds(19)));
}

TEST(ToldAddresses, OneClientLeavesRoomForOthersAndWhatEndedGivesItBack) {
  ToldAddresses told;
  unsigned held = 0;
  while (told.tell(kOne, name("a.test"), address(held), kNow + Seconds(9), kNow, true)) ++held;
  EXPECT_EQ(held, ToldAddresses::kMost / 2);
  EXPECT_TRUE(told.tell(kTwo, name("a.test"), address(1), kNow + Seconds(9), kNow, true));
  const Instant later = kNow + Seconds(10);
  EXPECT_TRUE(told.tell(kOne, name("b.test"), address(1), later + Seconds(9), later, true));
  EXPECT_FALSE(told.has(kOne, name("a.test"), address(1), kNow)) << "forgotten";
}

}  // namespace
}  // namespace nxgate::firewall
