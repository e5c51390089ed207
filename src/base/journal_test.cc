#include "base/journal.h"

#include <array>
#include <string>

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nxgate {
namespace {

std::string name_of(int descriptor) {
  struct stat status{};
  EXPECT_EQ(::fstat(descriptor, &status), 0);
  return fmt::format("{}:{}", status.st_dev, status.st_ino);
}

TEST(IsJournal, KnowsTheVeryStream) {
  std::array<int, 2> one{};
  std::array<int, 2> other{};
  ASSERT_EQ(::pipe(one.data()), 0);
  ASSERT_EQ(::pipe(other.data()), 0);
  EXPECT_TRUE(is_journal(one[1], name_of(one[1])));
  EXPECT_FALSE(is_journal(other[1], name_of(one[1])));
  for (const int each : {one[0], one[1], other[0], other[1]}) ::close(each);
  EXPECT_FALSE(is_journal(-1, "1:1"));
}

TEST(IsJournal, TakesNothingElseForOne) {
  const std::string name = name_of(STDERR_FILENO);
  ASSERT_TRUE(is_journal(STDERR_FILENO, name));
  for (const std::string& text :
       {std::string(), std::string(":"), std::string("1:"), name.substr(0, name.find(':')),
        name + " ", name + ":1", "-" + name}) {
    EXPECT_FALSE(is_journal(STDERR_FILENO, text)) << text;
  }
}

}  // namespace
}  // namespace nxgate
