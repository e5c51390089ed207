#include "firewall/openings.h"

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
std::size_t fill(Openings& openings, ClientKey client, bool shared, std::size_t from = 0) {
  std::size_t number = from;
  while (openings.has_room(client, 1, shared)) {
    openings.put(numbered(number++), {Instant{} + Seconds(60), "a.test", client});
  }
  return number - from;
}

TEST(Openings, OneClientGetsAllIfThereIsNoOther) {
  Openings openings;
  EXPECT_EQ(fill(openings, kGreedy, false), Openings::kMost);
}

TEST(Openings, OfSeveralEachGetsNoMoreThanIsLeftForOthers) {
  Openings openings;
  EXPECT_EQ(fill(openings, kGreedy, true), Openings::kMost / 2);
  EXPECT_EQ(fill(openings, kOther, true, Openings::kMost), Openings::kMost / 4);
  EXPECT_TRUE(openings.has_room(ClientKey{3}, 1000, true));
  EXPECT_FALSE(openings.has_room(kGreedy, 1, true));
  openings.erase(numbered(0));
  openings.erase(numbered(1));
  EXPECT_EQ(openings.all().size(), Openings::kMost / 4 * 3 - 2);
}

TEST(Openings, WhatEndsMakesRoom) {
  Openings openings;
  fill(openings, kGreedy, true);
  openings.put(numbered(0), {Instant{} + Seconds(90), "b.test", kOther});
  openings.erase_ended(Instant{} + Seconds(61));
  EXPECT_EQ(openings.all().size(), 1U);
  EXPECT_EQ(openings.find(numbered(0))->name, "b.test");
  EXPECT_TRUE(openings.has(numbered(0).address));
  EXPECT_EQ(openings.find(numbered(1)), nullptr);
  EXPECT_FALSE(openings.has(numbered(1).address));
  EXPECT_TRUE(openings.has_room(kGreedy, Openings::kMost / 2 - 1, true));
  openings.clear();
  EXPECT_TRUE(openings.has_room(kOther, Openings::kMost / 2, true));
}

}  // namespace
}  // namespace nxgate::firewall
