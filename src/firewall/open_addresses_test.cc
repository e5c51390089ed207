#include "firewall/open_addresses.h"

#include <cstddef>
#include <cstdint>

#include <gtest/gtest.h>

#include "base/address.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "netfilter/firewall.h"

namespace nxgate::firewall {
namespace {

constexpr ClientKey kGreedy{1};
constexpr ClientKey kOther{2};

netfilter::Destination numbered(std::size_t number) {
  return {
      IpAddress::v4({10, static_cast<std::uint8_t>(number >> 16),
                     static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)}),
      {}};
}

/// Takes one after the other until there is no more room for one.
std::size_t fill(OpenAddresses& open, ClientKey client, bool shared, std::size_t from = 0) {
  std::size_t number = from;
  while (open.has_room(client, 1, shared)) {
    open.put(numbered(number++), {Instant{} + Seconds(60), "a.test", client});
  }
  return number - from;
}

TEST(OpenAddresses, OneClientGetsAllIfThereIsNoOther) {
  OpenAddresses open;
  EXPECT_EQ(fill(open, kGreedy, false), OpenAddresses::kMost);
}

TEST(OpenAddresses, OfSeveralEachGetsNoMoreThanIsLeftForOthers) {
  OpenAddresses open;
  EXPECT_EQ(fill(open, kGreedy, true), OpenAddresses::kMost / 2);
  EXPECT_EQ(fill(open, kOther, true, OpenAddresses::kMost), OpenAddresses::kMost / 4);
  EXPECT_TRUE(open.has_room(ClientKey{3}, 1000, true));
  EXPECT_FALSE(open.has_room(kGreedy, 1, true));
  open.erase(numbered(0));
  open.erase(numbered(1));
  EXPECT_EQ(open.all().size(), OpenAddresses::kMost / 4 * 3 - 2);
}

TEST(OpenAddresses, WhatEndsMakesRoom) {
  OpenAddresses open;
  fill(open, kGreedy, true);
  open.put(numbered(0), {Instant{} + Seconds(90), "b.test", kOther});
  open.erase_ended(Instant{} + Seconds(61));
  EXPECT_EQ(open.all().size(), 1U);
  EXPECT_EQ(open.find(numbered(0))->name, "b.test");
  EXPECT_TRUE(open.has(numbered(0).address));
  EXPECT_EQ(open.find(numbered(1)), nullptr);
  EXPECT_FALSE(open.has(numbered(1).address));
  EXPECT_TRUE(open.has_room(kGreedy, OpenAddresses::kMost / 2 - 1, true));
  open.clear();
  EXPECT_TRUE(open.has_room(kOther, OpenAddresses::kMost / 2, true));
}

}  // namespace
}  // namespace nxgate::firewall
