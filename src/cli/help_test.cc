#include "cli/help.h"

#include <gtest/gtest.h>

namespace nxgate::cli {
namespace {

TEST(Help, LinesAreBrokenBetweenWords) {
  EXPECT_EQ(wrap("one two three", 7, 0), "one two\nthree");
  EXPECT_EQ(wrap("one two three", 7, 2), "one two\n  three");
  EXPECT_EQ(wrap("one\n two  three", 80, 0), "one two three");
  EXPECT_EQ(wrap("a unbreakable b", 5, 0), "a\nunbreakable\nb");
  EXPECT_EQ(wrap("", 5, 0), "");
}

TEST(Help, TheFooterTellsTheExitStatuses) {
  EXPECT_TRUE(help_footer().starts_with("Exit status: 0 success, 1 "));
  EXPECT_TRUE(help_footer().ends_with("."));
}

}  // namespace
}  // namespace nxgate::cli
