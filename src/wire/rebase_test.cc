#include "wire/rebase.h"

#include <string>

#include <gtest/gtest.h>

namespace nxgate::wire {
namespace {

using namespace std::string_literals;

std::string rebased(std::string body, std::size_t made_for, std::size_t placed_at,
                    std::size_t qname_at) {
  const bool good = rebase_owners({reinterpret_cast<std::uint8_t*>(body.data()), body.size()},
                                  made_for, placed_at, qname_at);
  return good ? body : "refused";
}

const std::string kFixed = "\0\1\0\1\0\0\0\5\0\4abcd"s;

TEST(RebaseOwners, MovesPointersAndLeavesWrittenNames) {
  const std::string body = "\xc0\x0c"s + kFixed + "\xc0\x30"s + kFixed + "\1a\0"s + kFixed;
  EXPECT_EQ(rebased(body, 0x20, 0x40, 0x28),
            "\xc0\x28"s + kFixed + "\xc0\x50"s + kFixed + "\1a\0"s + kFixed);
}

TEST(RebaseOwners, RefusesWhatItCannotMove) {
  EXPECT_EQ(rebased("\xc0"s, 0x20, 0x40, 0x28), "refused");
  EXPECT_EQ(rebased("\xc0\x0c\0\1"s, 0x20, 0x40, 0x28), "refused");
  EXPECT_EQ(rebased("\xc0\x1f"s + kFixed, 0x20, 0x40, 0x28), "refused");
  EXPECT_EQ(rebased("\xff\xff"s + kFixed, 0x20, 0x4000, 0x28), "refused");
}

}  // namespace
}  // namespace nxgate::wire
