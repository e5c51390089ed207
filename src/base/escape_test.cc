#include "base/escape.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace nxgate {
namespace {

TEST(Escaped, TurnsControlCharactersIntoText) {
  EXPECT_EQ(escaped("a\x1b[31m\n\x7f"), "a\\x1b[31m\\x0a\\x7f");
  EXPECT_EQ(escaped(std::string_view("\0", 1)), "\\x00");
}

TEST(Escaped, KnowsTheControlCharactersBeyondAscii) {
  EXPECT_EQ(escaped("a\xc2\x9b"
                    "31m\xc2\xa0\xc3\x9b"),
            "a\\xc2\\x9b31m\xc2\xa0\xc3\x9b");
  EXPECT_EQ(escaped("\xc2"), "\xc2");
}

TEST(Escaped, LeavesAllElseAsItIs) { EXPECT_EQ(escaped("\"w\xc3\xb6rt\" ~"), "\"w\xc3\xb6rt\" ~"); }

TEST(Quoted, ShortTextsAreWhole) {
  EXPECT_EQ(quote("a\nb"), "`a\\x0ab`");
  EXPECT_EQ(quote(std::string(80, 'x'), '"'), '"' + std::string(80, 'x') + '"');
  EXPECT_EQ(shortened("all"), "all");
}

TEST(Quoted, LongTextsAreCutAndTellTheirLength) {
  EXPECT_EQ(quote(std::string(81, 'x')), "`" + std::string(80, 'x') + "…` (81 octets)");
  EXPECT_EQ(shortened(std::string(9, 'x'), 4), "xxxx… (9 octets)");
}

TEST(Quoted, EscapesAndCharactersAreNotCutInTwo) {
  EXPECT_EQ(shortened(std::string(40'000'000, '\0'), 10), "\\x00\\x00… (40000000 octets)");
  EXPECT_EQ(shortened("ab€€", 4), "ab… (8 octets)");
  EXPECT_EQ(shortened("abcd\xc2\x9b", 10), "abcd… (6 octets)");
}

}  // namespace
}  // namespace nxgate
