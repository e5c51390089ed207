#include "learn/list_text.h"

#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "learn/learn_fixture.h"
#include "learn/proposal.h"
#include "policy/list.h"
#include "policy/matcher.h"
#include "policy/rule.h"
#include "policy/rule_set.h"
#include "wire/name.h"

namespace nxgate::learn {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t kKey = 0x9e3779b97f4a7c15;

policy::Matcher matcher_of(std::string_view list) {
  policy::RuleSet rules(kKey);
  const auto parsed = policy::parse_list(list, {"learned"}, policy::Action::kAllow);
  rules.add(parsed);
  EXPECT_TRUE(parsed.faults.empty()) << to_string(parsed.faults.front());
  return policy::Matcher(std::move(rules), {}, {});
}

bool allows(const policy::Matcher& matcher, const wire::DomainName& name) {
  return matcher.match(wire::SuffixHashes(name, kKey)).verdict == policy::Verdict::kAllow;
}
bool allows(const policy::Matcher& matcher, std::string_view name) {
  return allows(matcher, name_of(name));
}

/// A day of a build: packages, a CDN, noise of every kind, and names that try to escape.
Record day_of_a_build() {
  Record record = record_of({{"deb.debian.org"},
                             {"deb.debian.org", Existence::kExists, "10.0.0.6", kNoon + kDay},
                             {"pypi.org"},
                             {"files.pythonhosted.org"},
                             {"r3---sn-4g5e6nez.googlevideo.com"},
                             {"r1---sn-25glen7y.googlevideo.com"},
                             {"sts.amazonaws.com"},
                             {"builds.s3.amazonaws.com"},
                             {"0.debian.pool.ntp.org"},
                             {"_http._tcp.deb.debian.org", Existence::kExists},
                             {"5.0.0.10.in-addr.arpa", Existence::kMissing},
                             {"pypi.org.corp.example", Existence::kMissing},
                             {"gone.example.com", Existence::kMissing},
                             {"slow.example.com", Existence::kFailed},
                             {R"(a\010=evil.example.com)"},
                             {"a#=evil.example.com"},
                             {"10.0.0.1"},
                             {"web.example.com", Existence::kExists, "x\n=evil.example.com"}});
  record.add_port(name_of("pypi.org"), {IPPROTO_TCP, 443});
  record.add_port(name_of("files.pythonhosted.org"), {IPPROTO_TCP, 443});
  record.add_port(name_of("files.pythonhosted.org"), {IPPROTO_UDP, 443});
  return record;
}

TEST(ListText, AllowsWhatWasWantedAndNothingBeside) {
  const Proposal proposal = propose(day_of_a_build());
  const policy::Matcher matcher = matcher_of(to_list(proposal));
  for (const ProposedRule& rule : proposal.rules) {
    for (const Seen& seen : rule.names) {
      EXPECT_TRUE(allows(matcher, seen.name)) << seen.name.to_text();
      const auto beside =
          seen.name.parent().with_label(Bytes(name_of("nx-beside").wire()).subspan(1, 9));
      ASSERT_TRUE(beside);
      EXPECT_EQ(allows(matcher, *beside), rule.fold.has_value()) << beside->to_text();
    }
  }
  for (const Apart& group : proposal.apart) {
    for (const Seen& seen : group.names) EXPECT_FALSE(allows(matcher, seen.name));
  }
  EXPECT_FALSE(allows(matcher, "evil.example.com"));
  EXPECT_FALSE(allows(matcher, "googlevideo.com"));
  EXPECT_FALSE(allows(matcher, "other.s3.amazonaws.com"));
}

TEST(ListText, AllowsAgainWhatIsUncommented) {
  std::string list = to_list(propose(day_of_a_build()));
  const std::size_t at = list.find("#=0.debian.pool.ntp.org");
  ASSERT_NE(at, std::string::npos);
  list.erase(at, 1);
  EXPECT_TRUE(allows(matcher_of(list), "0.debian.pool.ntp.org"));
}

TEST(ListText, IsInDomainsWithEvidence) {
  const std::string list = to_list(propose(day_of_a_build()));
  EXPECT_THAT(list, HasSubstr("# Learned for policy ci, 2026-11-23 to 2026-11-24 (UTC): 18 queries "
                              "for 17 names by 3 clients.\n"));
  EXPECT_THAT(list, HasSubstr("\n# debian.org\n=deb.debian.org  # 2 queries, 2026-11-23 to "
                              "2026-11-24, by 10.0.0.5, 10.0.0.6\n"));
  EXPECT_THAT(list,
              HasSubstr("\n=files.pythonhosted.org:443  # 1 query, 2026-11-23, by 10.0.0.5\n"));
  EXPECT_THAT(list, HasSubstr("\n=pypi.org:tcp/443  # "));
  EXPECT_THAT(list, HasSubstr("\n*.googlevideo.com  # folds 2 names: 2 machine-generated labels; 2 "
                              "queries, 2026-11-23, by 10.0.0.5\n"
                              "#   =r1---sn-25glen7y.googlevideo.com  1 query, "));
  EXPECT_THAT(list, HasSubstr("produced by the search domain corp.example: 1 name, "));
  EXPECT_THAT(list, HasSubstr("\n#=gone.example.com  # "));
  EXPECT_THAT(list, HasSubstr("by x?=evil.example.com\n"));
}

TEST(ListText, ShowsTheFirstNamesOfMany) {
  Record record("ci", kNoon);
  for (int i = 0; i < 100; ++i) {
    const std::string name = fmt::format("img{}.example.com", i);
    add(record, {.name = name});
    const std::string missing = fmt::format("no{}.example.com", i);
    add(record, {.name = missing, .outcome = Existence::kMissing});
  }
  const std::string list = to_list(propose(record), 10);
  EXPECT_THAT(list, HasSubstr("\n*.example.com  # folds 100 names: 100 labels like img#; "));
  EXPECT_THAT(list, HasSubstr("\n#   and 90 more\n\n# Not allowed by"));
  EXPECT_TRUE(list.ends_with("\n#   and 90 more\n"));
}

TEST(ListText, OfNothingIsAComment) {
  const std::string list = to_list(propose(Record("ci", kNoon)));
  EXPECT_EQ(
      list,
      "# Learned for policy ci, 2026-11-23 (UTC): 0 queries for 0 names by 0 clients.\n"
      "# NAME allows NAME and everything below it, *.NAME only names below it, =NAME only NAME.\n");
  EXPECT_THAT(list, Not(HasSubstr("Not allowed by")));
}

TEST(ListText, FoldsPortsToo) {
  Record record = record_of({{"a1b2c3d4e5.example.com"}, {"a1b2c3d4e6.example.com"}});
  record.add_port(name_of("a1b2c3d4e5.example.com"), {IPPROTO_TCP, 443});
  record.add_port(name_of("a1b2c3d4e6.example.com"), {IPPROTO_TCP, 22});
  EXPECT_THAT(rules_of(propose(record)), testing::ElementsAre("*.example.com:tcp/22,tcp/443"));
}

}  // namespace
}  // namespace nxgate::learn
