#include "learn/folds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "learn/labels.h"
#include "learn/learn_fixture.h"
#include "learn/shared_domains.h"

namespace nxgate::learn {
namespace {

using testing::ElementsAre;

TEST(Labels, LookLikeTheirMaker) {
  for (const char* label :
       {"www", "deb", "objects", "deadbeef", "a-long-name-of-words", "facebook"}) {
    EXPECT_EQ(shape_of(label).make, Make::kPlain) << label;
  }
  for (const char* label : {"img1", "s3", "17", "ip-10-0-0-7", "win32x64"}) {
    EXPECT_EQ(shape_of(label).make, Make::kNumbered) << label;
  }
  EXPECT_EQ(shape_of("ip-10-0-0-7").pattern, "ip-#-#-#-#");
  for (const char* label : {"r3---sn-abc", "r3---sn-4g5e6nez", "d111111abcdef8", "9f86d081884c7d65",
                            "f47ac10b-58cc-4372-a567-0e02b2c3d479", "x-k3j5h2q9z"}) {
    EXPECT_EQ(shape_of(label).make, Make::kRandom) << label;
  }
}

TEST(SharedDomains, AreOfManyParties) {
  for (const char* name : {".", "com", "co.uk", "github.io", "s3.amazonaws.com", "amazonaws.com",
                           "compute.amazonaws.com", "eu-west-1.amazonaws.com", "windows.net"}) {
    EXPECT_TRUE(is_shared(name_of(name))) << name;
  }
  for (const char* name : {"debian.org", "example.co.uk", "someone.github.io", "lan", "corp.lan",
                           "bucket.s3.amazonaws.com", "googlevideo.com"}) {
    EXPECT_FALSE(is_shared(name_of(name))) << name;
  }
}

TEST(Folds, TakeFourPlainSiblings) {
  EXPECT_THAT(rules_of({{"a.example.com"}, {"b.example.com"}, {"c.example.com"}}),
              ElementsAre("=a.example.com", "=b.example.com", "=c.example.com"));
  EXPECT_THAT(
      rules_of({{"a.example.com"}, {"b.example.com"}, {"c.example.com"}, {"d.example.com"}}),
      ElementsAre("*.example.com"));
}

TEST(Folds, TakeTheNameItselfIfItWasAskedFor) {
  EXPECT_THAT(rules_of({{"example.com"},
                        {"a.example.com"},
                        {"b.example.com"},
                        {"c.example.com"},
                        {"d.example.com"},
                        {"deep.below.example.com"}}),
              ElementsAre("example.com"));
}

TEST(Folds, TakeFewerOfMachines) {
  EXPECT_THAT(rules_of({{"r3---sn-4g5e6nez.googlevideo.com"}, {"r1---sn-abc.googlevideo.com"}}),
              ElementsAre("*.googlevideo.com"));
  EXPECT_THAT(rules_of({{"img1.example.com"}, {"img2.example.com"}}),
              ElementsAre("=img1.example.com", "=img2.example.com"));
  EXPECT_THAT(rules_of({{"img1.example.com"}, {"img2.example.com"}, {"img14.example.com"}}),
              ElementsAre("*.example.com"));
  EXPECT_THAT(rules_of({{"img1.example.com"}, {"ns2.example.com"}, {"s3.example.com"}}),
              ElementsAre("=img1.example.com", "=ns2.example.com", "=s3.example.com"));
}

TEST(Folds, SeeMachinesAboveTheFirstLabel) {
  EXPECT_THAT(rules_of({{"api.9f86d081884c7d65.eu.example.com"},
                        {"api.f47ac10b58cc4372.eu.example.com"},
                        {"www.example.com"}}),
              ElementsAre("*.eu.example.com", "=www.example.com"));
}

TEST(Folds, AreTheTopmost) {
  EXPECT_THAT(rules_of({{"a.example.com"},
                        {"b.example.com"},
                        {"c.example.com"},
                        {"d.example.com"},
                        {"1.cdn.example.com"},
                        {"2.cdn.example.com"},
                        {"3.cdn.example.com"}}),
              ElementsAre("*.example.com"));
}

TEST(Folds, NeverOpenAPublicSuffix) {
  EXPECT_THAT(rules_of({{"a.co.uk"}, {"b.co.uk"}, {"c.co.uk"}, {"d.co.uk"}}),
              ElementsAre("=a.co.uk", "=b.co.uk", "=c.co.uk", "=d.co.uk"));
  EXPECT_EQ(rules_of({{"a.github.io"}, {"b.github.io"}, {"c.github.io"}, {"d.github.io"}}).size(),
            4U);
  EXPECT_EQ(rules_of({{"a1b2c3d4e5.s3.amazonaws.com"}, {"a1b2c3d4e6.s3.amazonaws.com"}}).size(),
            2U);
  EXPECT_THAT(
      rules_of({{"a.x.github.io"}, {"b.x.github.io"}, {"c.x.github.io"}, {"d.x.github.io"}}),
      ElementsAre("*.x.github.io"));
}

TEST(Folds, NeverReachAboveAPublicSuffix) {
  EXPECT_EQ(rules_of({{"sts.amazonaws.com"},
                      {"ec2.amazonaws.com"},
                      {"iam.amazonaws.com"},
                      {"kms.amazonaws.com"}})
                .size(),
            4U);
  EXPECT_EQ(rules_of({{"a.com"}, {"b.com"}, {"c.com"}, {"d.com"}, {"com"}}).size(), 5U);
}

TEST(Folds, OfAnOwnNetwork) {
  EXPECT_THAT(rules_of({{"nas.lan"}, {"tv.lan"}, {"git.lan"}, {"wiki.lan"}}), ElementsAre("*.lan"));
}

TEST(Folds, HaveLimits) {
  const Record record = record_of({{"a1b2c3d4e5.example.com"},
                                   {"a1b2c3d4e6.example.com"},
                                   {"img1.example.com"},
                                   {"img2.example.com"},
                                   {"img3.example.com"}});
  EXPECT_EQ(rules_of(propose(record, {.plain = 0, .numbered = 0, .random = 0})).size(), 5U);
  EXPECT_EQ(rules_of(propose(record, {.plain = 0, .numbered = 4, .random = 3})).size(), 5U);
  EXPECT_EQ(rules_of(propose(record, {.plain = 5, .numbered = 0, .random = 0})).size(), 1U);
}

TEST(Folds, CountOnlyWhatExistsAndIsWanted) {
  EXPECT_THAT(rules_of({{"a.example.com"},
                        {"b.example.com"},
                        {"c.example.com"},
                        {"d.example.com", Existence::kMissing},
                        {"e.example.com", Existence::kFailed},
                        {"ntp.example.com"},
                        {"_x.example.com"}}),
              ElementsAre("=a.example.com", "=b.example.com", "=c.example.com"));
}

}  // namespace
}  // namespace nxgate::learn
