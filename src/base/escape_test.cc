#include "base/escape.h"

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

}  // namespace
}  // namespace nxgate
