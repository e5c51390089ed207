#include "policy/list.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/list_format.h"
#include "policy/rule.h"
#include "wire/name.h"

namespace nxgate::policy {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// The rules as a list of names would write them.
std::vector<std::string> rules_of(const ParsedList& list) {
  std::vector<std::string> rules;
  for (std::size_t i = 0; i < list.entries.size(); ++i) {
    const auto name = wire::DomainName::parse(list.name(i));
    rules.push_back(to_string(list.entries[i].scope, *name));
  }
  return rules;
}

ParsedList read(std::string_view text, Action action = Action::kDeny) {
  return parse_list(text, {"a.list", 0, form_of(text)}, action);
}

TEST(ListFormat, IsToldByTheFirstLinesThatTell) {
  const auto format = [](std::string_view text) { return form_of(text).format; };
  EXPECT_EQ(format("# names\n\nads.test\n*.track.test # why\n=x.test force\n"), ListFormat::kNames);
  EXPECT_EQ(format(""), ListFormat::kNames);
  EXPECT_EQ(format("# hosts\n127.0.0.1 localhost\n0.0.0.0 ads.test\n"), ListFormat::kHosts);
  EXPECT_EQ(format("::1\tads.test\n"), ListFormat::kHosts);
  EXPECT_EQ(format("fe80::1%lo0 localhost\n"), ListFormat::kHosts);
  EXPECT_EQ(format("192.0.2.1\n"), ListFormat::kNames) << "an address by itself is a mistake";
  EXPECT_EQ(format("ads.test\n||track.test^\n"), ListFormat::kAdblock);
  EXPECT_EQ(format("[Adblock Plus 2.0]\nads.test\n"), ListFormat::kAdblock);
  EXPECT_EQ(format("! title\nads.test\n"), ListFormat::kAdblock);
  EXPECT_EQ(format("$TTL 60\n@ SOA a. b. 1 2 3 4 5\nads.test CNAME .\n"), ListFormat::kRpz);
  EXPECT_EQ(format("ads.test 60 IN CNAME .\n"), ListFormat::kRpz);
  EXPECT_EQ(format("! Título\nads.test\n"), ListFormat::kAdblock);
  EXPECT_EQ(format("\x7f"
                   "ELF\x02\n!\n||ads.test^\n"),
            ListFormat::kNames)
      << "no text";
}

TEST(List, OfHostsNamesThatLeadNowhere) {
  const ParsedList list = read(
      "127.0.0.1 localhost localhost.localdomain\r\n"
      "0.0.0.0 0.0.0.0\n"
      "0.0.0.0 ads.test tracker.test # two\n"
      "::1 ip6-localhost\n"
      ":: six.test\n"
      "192.0.2.7 intranet.test\n"
      "plain.test\n"
      "0.0.0.0 bad..name\n");
  EXPECT_THAT(rules_of(list), ElementsAre("=ads.test", "=tracker.test", "=six.test", "plain.test"));
  ASSERT_THAT(list.skipped, SizeIs(1));
  EXPECT_EQ(list.skipped[0].at.line, 6U);
  EXPECT_THAT(list.skipped[0].text, AllOf(HasSubstr("intranet.test"), HasSubstr("hosts-files")));
  ASSERT_THAT(list.faults, SizeIs(1));
  EXPECT_EQ(list.faults[0].at.line, 8U);
}

TEST(List, OfAdblockWhatIsAboutWholeNames) {
  const ParsedList list = read(
      "[Adblock Plus 2.0]\n! Title: ads\n# a comment\n"
      "||ads.test^\n"
      "||*.track.test^\n"
      "||important.test^$important\n"
      "plain.test\n"
      "0.0.0.0 host.test\n"
      "||third.test^$third-party,popup\n"
      "||typed.test^$dnstype=A\n"
      "/^ad[0-9]+\\./\n"
      "part.test^\n"
      "||prefix.\n"
      "-banner-\n"
      "@@||good.test^\n"
      "page.test##.ad\n"
      "|http://x.test/\n");
  EXPECT_THAT(rules_of(list), ElementsAre("ads.test", "*.track.test", "important.test",
                                          "plain.test", "=host.test", "third.test"));
  EXPECT_EQ(list.skipped_lines, 8U);
  EXPECT_THAT(list.skipped[0].text, HasSubstr("its options need a browser"));
  EXPECT_THAT(list.skipped[5].text, HasSubstr("exceptions"));
  EXPECT_THAT(list.faults, IsEmpty());
}

TEST(List, AnExceptionAllowsInAListOfWhatIsAllowed) {
  const ParsedList list = read("||ok.test^\n@@||good.test^\n||co.uk^\n", Action::kAllow);
  EXPECT_THAT(rules_of(list), ElementsAre("ok.test", "good.test"));
  ASSERT_THAT(list.skipped, SizeIs(1));
  EXPECT_THAT(list.skipped[0].text, HasSubstr("public suffix"));
}

TEST(List, OfAResponsePolicyZoneWhatDeniesNames) {
  const ParsedList list = read(
      "$TTL 300\n$ORIGIN rpz.local.\n"
      "@ IN SOA ns.local. admin.local. (\n        1 ; serial\n        3600 )\n"
      "  IN NS ns.local.\n"
      "ads.test CNAME . ; denied\n"
      "*.ads.test 60 IN CNAME .\n"
      "nodata.test CNAME *.\n"
      "whole.test.rpz.local. CNAME rpz-drop.\n"
      "good.test CNAME rpz-passthru.\n"
      "other.test CNAME garden.test.\n"
      "local.test A 192.0.2.1\n"
      "24.0.2.0.192.rpz-ip CNAME .\n"
      "elsewhere.test. CNAME .\n");
  EXPECT_THAT(rules_of(list),
              ElementsAre("=ads.test", "*.ads.test", "=nodata.test", "=whole.test"));
  EXPECT_EQ(list.skipped_lines, 5U);
  EXPECT_THAT(list.faults, IsEmpty());
}

TEST(List, OfNamesWhatIsNoneIsWrongAndItsFormatNamed) {
  const auto fault = [](const char* line) {
    const ParsedList list = parse_list(line, {"a.list"}, Action::kDeny);
    EXPECT_THAT(list.entries, IsEmpty()) << line;
    return list.faults.empty() ? std::string() : list.faults[0].text;
  };
  for (const char* const line : {"||ads.test^", "ads.test^", "!x", "a|b", "ads.test$popup"}) {
    EXPECT_THAT(fault(line), HasSubstr("adblock format")) << line;
  }
  EXPECT_THAT(fault("git@github.com"), HasSubstr("e-mail"));
  EXPECT_THAT(fault("github.com/foo"), HasSubstr("path"));
  EXPECT_THAT(fault("/regex/"), HasSubstr("regular expression"));
  EXPECT_THAT(fault("\"github.com\""), HasSubstr("quotes"));
  EXPECT_THAT(fault("-banner-"), HasSubstr("hyphen"));
  EXPECT_THAT(fault("a+b.test"), HasSubstr("letters, digits"));
  EXPECT_THAT(fault("0.0.0.0 ads.test"), HasSubstr("force"));
  EXPECT_THAT(rules_of(parse_list("a-.x_y.test\nxn--bcher-kva.test\n", {"a.list"}, Action::kDeny)),
              ElementsAre("a-.x_y.test", "xn--bcher-kva.test"));
}

}  // namespace
}  // namespace nxgate::policy
