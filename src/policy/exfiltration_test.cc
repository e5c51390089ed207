#include "policy/exfiltration.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::policy {
namespace {

using wire::Type;

wire::DomainName name(const std::string& text) { return *wire::DomainName::from_text(text); }

/// The key of the limit that is exceeded; empty for none.
std::string_view judge(const Exfiltration& limits, const std::string& qname, Type type = Type::kA) {
  const wire::DomainName asked = name(qname);
  const wire::DomainName rule = name("example.com");
  const Limit* const limit =
      exceeded_limit(limits, {labels_below(asked.wire(), rule.wire()), type});
  return limit == nullptr ? std::string_view() : limit->key;
}

TEST(Exfiltration, EntropyIsThatOfAllOctetsBelowTheRule) {
  const auto entropy = [](const std::string& qname) {
    const wire::DomainName asked = name(qname);
    return entropy_of(labels_below(asked.wire(), name("example.com").wire()));
  };
  EXPECT_DOUBLE_EQ(entropy("example.com"), 0);
  EXPECT_DOUBLE_EQ(entropy("aaaa.example.com"), 0);
  EXPECT_DOUBLE_EQ(entropy("ab.example.com"), 2);
  EXPECT_DOUBLE_EQ(entropy("ab.cd.example.com"), 8);
}

TEST(Exfiltration, DefaultsLetRealNamesThroughAndTunnelsNot) {
  const Exfiltration limits;
  for (const char* const real :
       {"www", "files-and-more.s3.eu-central-1", "d2lk14jtvqry1q.cloudfront",
        "docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2", "productionresultssa19.blob.core",
        "rr3---sn-4g5e6nzz.googlevideo", "_acme-challenge.www",
        "0f1e2d3c4b5a69788796a5b4c3d2e1f0.gr7.eu-west-1.eks"}) {
    EXPECT_EQ(judge(limits, std::string(real) + ".example.com"), "") << real;
  }
  // As iodine and dnscat2 write them.
  const std::string tunnel =
      "paaqc5zs8x2mvk7yd0rjh1wteg4bnfu6l3o9iaxqz7cd.k8m2vw5rj1ytd0xhg4bnfu6z3lsqeo9c7ipa."
      "2zv8x5mk7ydw0rjh1teg4bnfu6l3o9iaxqcs";
  EXPECT_EQ(judge(limits, tunnel + ".example.com"), "entropy");
  EXPECT_EQ(judge({.entropy = 0}, tunnel + ".example.com"), "");
}

TEST(Exfiltration, TheLimitOfEntropyIsExact) {
  EXPECT_EQ(judge({.entropy = 8}, "abcd.example.com"), "");
  EXPECT_EQ(judge({.entropy = 7}, "abcd.example.com"), "entropy");
  EXPECT_EQ(judge({.entropy = 1}, "ab.example.com"), "entropy");
  EXPECT_EQ(judge({.entropy = 1}, "a.example.com"), "");
}

TEST(Exfiltration, LongLabelsCountBelowTheRuleOnly) {
  EXPECT_EQ(judge({.longest_label = 7}, "12345678.example.com"), "longest-label");
  EXPECT_EQ(judge({.longest_label = 7}, "1234567.example.com"), "");
  EXPECT_EQ(judge({.longest_label = 3}, "example.com"), "");
}

TEST(Exfiltration, TypesThatAreNotListedAreOutOfBounds) {
  EXPECT_EQ(judge({.types = {Type::kA}}, "example.com", Type::kTxt), "types");
  EXPECT_EQ(judge({.types = {Type::kA}}, "example.com", Type::kA), "");
  EXPECT_EQ(judge({}, "example.com", Type{10}), "types") << "NULL";
  EXPECT_EQ(judge({.types = {}}, "example.com", Type{10}), "") << "no list";
}

TEST(Exfiltration, ANameIsDeniedWhateverTheType) {
  const Exfiltration limits{.longest_label = 3, .types = {Type::kA}};
  EXPECT_EQ(judge(limits, "1234.example.com", Type::kTxt), "longest-label");
  EXPECT_EQ(judge(limits, "123.example.com", Type::kTxt), "types");
}

TEST(Exfiltration, OfTwoTheStricterHoldsInEach) {
  const Exfiltration one{.new_names = 0, .longest_label = 20, .entropy = 100, .types = {}};
  const Exfiltration other{.new_names = 9, .longest_label = 30, .entropy = 0, .types = {Type::kA}};
  const Exfiltration both{.new_names = 9, .longest_label = 20, .entropy = 100, .types = {Type::kA}};
  EXPECT_EQ(stricter(one, other), both);
  EXPECT_EQ(stricter(other, one), both);
  EXPECT_EQ(stricter(both, {.types = {Type::kTxt}}).types, std::vector{Type::kA})
      << "none would be all";
}

}  // namespace
}  // namespace nxgate::policy
