#include "http/target.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nxgate::http {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(ParseTarget, DecodesPathAndQuery) {
  const auto target = parse_target("/v1/a%2Fb?name=x%2By+z&flag&name=last");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/v1/a/b");
  EXPECT_THAT(target->query, ElementsAre(Pair("flag", ""), Pair("name", "last")));
}

TEST(ParseTarget, RefusesWhatIsNoPath) {
  for (const char* const text : {"", "*", "v1", "http://host/a", "/a#b", "/%4", "/a b", "/\xff"}) {
    EXPECT_FALSE(parse_target(text)) << text;
  }
}

TEST(WriteTarget, ComesBackTheSame) {
  EXPECT_EQ(to_string({"/v1/status", {}}), "/v1/status");
  EXPECT_EQ(to_string({"/v1/flush", {{"name", "."}, {"policy", "a b"}}}),
            "/v1/flush?name=.&policy=a%20b");
  const Target odd{"//a/.//\xff?", {{"", "&="}, {"a+b", "c+d%"}, {"z", std::string(1, '\0')}}};
  const auto again = parse_target(to_string(odd));
  ASSERT_TRUE(again) << to_string(odd);
  EXPECT_EQ(again->path, odd.path);
  EXPECT_EQ(again->query, odd.query);
}

TEST(PercentEncode, LeavesOnlyWhatNeedsNone) {
  EXPECT_EQ(percent_encode("web-1_a.b~"), "web-1_a.b~");
  EXPECT_EQ(percent_encode("a/../b c\xff{"), "a%2F..%2Fb%20c%FF%7B");
  EXPECT_EQ(percent_encode("/a/b?", "/"), "/a/b%3F");
}

}  // namespace
}  // namespace nxgate::http
