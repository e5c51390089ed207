#include "policy/special_names.h"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/address.h"
#include "policy/local_data.h"
#include "policy/matcher.h"
#include "policy/rule_set.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::policy {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kKey = 0x9e3779b97f4a7c15;

wire::DomainName name_of(std::string_view text) {
  return wire::DomainName::from_text(text).value();
}

std::span<const LocalRecord> find(const LocalData& data, std::string_view text) {
  const wire::DomainName name = name_of(text);
  return data.find(wire::SuffixHashes(name, kKey));
}

LocalRecord address(const char* text) {
  const IpAddress parsed = IpAddress::parse(text).value();
  const Bytes bytes = parsed.bytes();
  return {.type = wire::Type::kA, .rdata = {bytes.begin(), bytes.end()}};
}

TEST(SpecialNames, LocalhostIsAnsweredAndOnionDenied) {
  RuleSet rules(kKey);
  rules.add({.name = name_of("."), .scope = Scope::kSubtree, .action = Action::kAllow, .at = {}});
  LocalData data(kKey);
  add_special_names(rules, data);
  EXPECT_EQ(find(data, "localhost").size(), 2U);
  EXPECT_EQ(find(data, "a.b.localhost")[0], address("127.0.0.1"));
  EXPECT_EQ(find(data, "1.0.0.127.in-addr.arpa").size(), 1U);
  EXPECT_EQ(
      data.find(wire::SuffixHashes(reverse_name(IpAddress::parse("::1").value()), kKey)).size(),
      1U);
  const Matcher matcher(std::move(rules), data.names(), {});
  const auto match = [&](std::string_view text) {
    const wire::DomainName name = name_of(text);
    return matcher.match(wire::SuffixHashes(name, kKey));
  };
  EXPECT_EQ(match("localhost").verdict, Verdict::kLocal);
  EXPECT_EQ(match("x.localhost").verdict, Verdict::kLocal);
  EXPECT_EQ(match("x.onion").verdict, Verdict::kDeny);
  EXPECT_EQ(match("invalid").verdict, Verdict::kDeny);
  EXPECT_EQ(matcher.rule(match("invalid")).at.file, kBuiltIn);
  EXPECT_EQ(match("example").verdict, Verdict::kAllow);
}

TEST(SpecialNames, CanariesAreDeniedWhereAnythingIs) {
  const auto denied = [](std::string_view name, std::initializer_list<const char*> more) {
    RuleSet rules(kKey);
    rules.add({.name = name_of("."), .scope = Scope::kSubtree, .action = Action::kAllow, .at = {}});
    for (const char* deny : more) {
      rules.add(
          {.name = name_of(deny), .scope = Scope::kSubtree, .action = Action::kDeny, .at = {}});
    }
    LocalData data(kKey);
    add_special_names(rules, data);
    return rules.mentions(name_of(name));
  };
  EXPECT_FALSE(denied("use-application-dns.net", {}));
  EXPECT_TRUE(denied("use-application-dns.net", {"ads.example"}));
  EXPECT_TRUE(denied("mask.icloud.com", {"ads.example"}));
  EXPECT_TRUE(denied("test", {}));
}

TEST(SpecialNames, ResolverArpaIsEmptyWhateverTheRules) {
  RuleSet rules(kKey);
  for (const char* name : {".", "_dns.resolver.arpa"}) {
    rules.add(
        {.name = name_of(name), .scope = Scope::kSubtree, .action = Action::kAllow, .at = {}});
  }
  LocalData data(kKey);
  add_special_names(rules, data);
  std::vector<Route> routes;
  add_special_routes(routes, 0, [](std::uint16_t) { return false; });
  const Matcher matcher(std::move(rules), data.names(), routes);
  const auto match = [&](std::string_view text) {
    const wire::DomainName name = name_of(text);
    return matcher.match(wire::SuffixHashes(name, kKey));
  };
  EXPECT_EQ(match("resolver.arpa").verdict, Verdict::kLocal);
  EXPECT_EQ(match("x.resolver.arpa").verdict, Verdict::kLocal);
  const Match longer = match("_dns.resolver.arpa");
  ASSERT_NE(longer.route, Match::kNoRoute);
  EXPECT_EQ(routes[longer.route].upstream, Route::kNowhere);
}

TEST(SpecialNames, PrivateOnesGoToNoPublicServer) {
  const auto upstream_of = [](std::string_view text, std::vector<Route> routes) {
    add_special_routes(routes, 0, [](std::uint16_t upstream) { return upstream == 0; });
    const wire::DomainName name = name_of(text);
    const Matcher matcher(RuleSet(kKey), {}, routes);
    const Match match = matcher.match(wire::SuffixHashes(name, kKey));
    return match.route == Match::kNoRoute ? std::uint16_t{0} : routes[match.route].upstream;
  };
  constexpr std::uint16_t kCorp = 1;
  for (const char* name : {"printer.local", "4.3.2.10.in-addr.arpa", "1.0.31.172.in-addr.arpa",
                           "ipv4only.arpa", "wpad", "1.1.100.100.in-addr.arpa", "nas.home.arpa"}) {
    EXPECT_EQ(upstream_of(name, {}), Route::kNowhere) << name;
    EXPECT_EQ(upstream_of(name, {{name_of("."), kCorp}}), kCorp) << "which isn't public";
  }
  for (const char* name : {"example.com", "1.1.1.1.in-addr.arpa", "1.0.32.172.in-addr.arpa"}) {
    EXPECT_EQ(upstream_of(name, {}), 0) << name;
  }
  EXPECT_EQ(upstream_of("4.3.2.10.in-addr.arpa", {{name_of("10.in-addr.arpa"), 0}}), 0)
      << "the route says so";
  EXPECT_EQ(upstream_of("4.3.2.10.in-addr.arpa", {{name_of("2.10.in-addr.arpa"), kCorp}}), kCorp);
}

/// The table of the page is made from that of the program: run this with
/// NXGATE_WRITE_REFERENCE=1 to write it anew.
TEST(SpecialNames, ThePageIsCurrent) {
  const std::string path = "docs/operating.md";
  const std::string head = "<!-- made from src/policy/special_names.cc -->\n";
  std::ifstream file(path);
  std::string page{std::istreambuf_iterator<char>(file), {}};
  const std::size_t at = page.find(head);
  ASSERT_NE(at, std::string::npos);
  const std::size_t end = page.find("<!-- end -->", at);
  ASSERT_NE(end, std::string::npos);
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  if (std::getenv("NXGATE_WRITE_REFERENCE") != nullptr) {
    page.replace(at + head.size(), end - at - head.size(), special_names_page());
    std::ofstream(path) << page;
  }
  EXPECT_THAT(page, HasSubstr(head + special_names_page() + "<!-- end -->"));
}

TEST(SpecialNames, TheOperatorsOwnWordStands) {
  RuleSet rules(kKey);
  rules.add(
      {.name = name_of("onion"), .scope = Scope::kSubtree, .action = Action::kAllow, .at = {}});
  LocalData data(kKey);
  data.add(name_of("localhost"), false, address("127.0.0.2"));
  data.add(name_of("invalid"), false, address("192.0.2.1"));
  add_special_names(rules, data, std::array{Route{name_of("mask.icloud.com"), 0}});
  const Matcher matcher(rules, data.names(), {});
  const auto verdict = [&](std::string_view text) {
    const wire::DomainName name = name_of(text);
    return matcher.match(wire::SuffixHashes(name, kKey)).verdict;
  };
  EXPECT_EQ(verdict("x.onion"), Verdict::kAllow);
  EXPECT_EQ(verdict("invalid"), Verdict::kLocal);
  EXPECT_FALSE(rules.mentions(name_of("mask.icloud.com"))) << "it has a route";
  EXPECT_TRUE(rules.mentions(name_of("use-application-dns.net")));
  ASSERT_EQ(find(data, "localhost").size(), 1U);
  EXPECT_EQ(find(data, "localhost")[0], address("127.0.0.2"));
  EXPECT_EQ(find(data, "x.localhost").size(), 2U);
}

}  // namespace
}  // namespace nxgate::policy
