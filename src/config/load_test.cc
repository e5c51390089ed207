#include "config/load.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "config/complete.h"
#include "config/context.h"
#include "config/memory_files.h"
#include "config/settings.h"
#include "policy/connection_checks.h"
#include "policy/egress.h"
#include "policy/exfiltration.h"
#include "policy/policy.h"
#include "wire/types.h"

namespace nxgate::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class LoadTest : public testing::Test {
 protected:
  Settings load(const std::string& text) {
    Settings settings = read_toml(text, "n.toml", context_);
    complete(context_, settings);
    sort_faults(context_.faults, "n.toml");
    return settings;
  }

  /// The faults of a text, each as `file:line:column: text`.
  std::vector<std::string> faults_of(const std::string& text) {
    context_.faults.clear();
    context_.found.clear();
    (void)load(text);
    std::vector<std::string> lines;
    for (const Fault& fault : context_.faults) lines.push_back(to_string(fault));
    return lines;
  }

  MemoryFiles files_;
  Context context_{files_, "/etc/nxgate"};
};

TEST_F(LoadTest, NothingListensOnLoopbackAndDeniesEverything) {
  const Settings settings = load("");
  EXPECT_THAT(context_.faults, IsEmpty());
  ASSERT_EQ(settings.server.listen.size(), 2U);
  EXPECT_EQ(settings.server.listen[0].endpoint.to_string(), "127.0.0.1:53");
  EXPECT_FALSE(settings.server.listen[0].implied);
  EXPECT_EQ(settings.server.listen[1].endpoint.to_string(), "[::1]:53");
  EXPECT_TRUE(settings.server.listen[1].implied);
  ASSERT_EQ(settings.policies.size(), 1U);
  EXPECT_EQ(settings.policies[0].name.name, "default");
  EXPECT_TRUE(settings.policies[0].rules.empty());
  EXPECT_THAT(context_.watched, IsEmpty());
}

TEST_F(LoadTest, ReadsEveryKey) {
  files_.files["/etc/nxgate/allow.d/a.list"] = "one.example\n";
  files_.files["/etc/nxgate/hosts"] = "10.0.0.9 box.test\n";
  const Settings settings = load(R"(
[server]
listen = ["127.0.0.1:5353", "eth1:53", "10.0.0.1:53@/run/netns/x",
          { address = "127.0.0.2:53", netns = "web", policy = "ci" }]
workers = 3
user = "dns"
seccomp = false
version-bind = "nxgate"
tcp-idle = "5s"
tcp-clients = 100
tcp-per-client = 7
tcp-memory = "8MiB"
rate-limit = {queries-per-second = 50, burst = 9, ipv4-prefix = 24, ipv6-prefix = 56, truncate = 0}
[cache]
size = "1MiB"
least-ttl = "1s"
most-ttl = "1h"
most-negative-ttl = "1m"
stale = "0s"
prefetch = false
[upstreams.app]
servers = ["127.0.0.11", "tcp://[2620:fe::fe]:5353"]
netns = "pid:17"
timeout = "250ms"
[policies.ci]
deny = "address"
deny-addresses = ["192.0.2.1", "2001:db8::1"]
negative-ttl = "2s"
allow = ["qiqitori.com", "=exact.example.org", "*.pypi.org"]
deny-names = ["ads.qiqitori.com"]
allow-files = ["allow.d/*"]
hosts-files = ["/etc/nxgate/hosts"]
records = ["db.test A 10.0.0.5"]
suppress-types = ["AAAA", "TYPE65"]
on-upstream-failure = "nxdomain"
upstream = "app"
routes = [{ names = ["corp.example"], upstream = "app" }]
[[clients]]
from = ["10.0.0.0/8", "fd00::/8"]
policy = "ci"
)");
  ASSERT_THAT(context_.faults, IsEmpty());
  const ServerSettings& server = settings.server;
  ASSERT_EQ(server.listen.size(), 4U);
  EXPECT_EQ(server.listen[1].interface, "eth1");
  EXPECT_EQ(server.listen[1].endpoint.port, 53);
  EXPECT_EQ(server.listen[2].netns, "/run/netns/x");
  EXPECT_EQ(server.listen[3].netns, "web");
  EXPECT_EQ(server.listen[3].policy, (Reference{"ci", {}}));
  EXPECT_EQ(server.workers, 3U);
  EXPECT_EQ(server.user, "dns");
  EXPECT_FALSE(server.seccomp);
  EXPECT_EQ(server.version_bind, "nxgate");
  EXPECT_EQ(server.tcp_idle, Seconds(5));
  EXPECT_EQ(server.tcp_clients, 100U);
  EXPECT_EQ(server.tcp_per_client, 7U);
  EXPECT_EQ(server.tcp_memory, 8UL << 20);
  EXPECT_EQ(server.rate_limit, (RateLimitSettings{.queries_per_second = 50,
                                                  .burst = 9,
                                                  .ipv4_prefix = 24,
                                                  .ipv6_prefix = 56,
                                                  .truncate = 0}));
  EXPECT_EQ(settings.cache.size, 1UL << 20);
  EXPECT_EQ(settings.cache.least_ttl, Seconds(1));
  EXPECT_EQ(settings.cache.most_ttl, Seconds(3600));
  EXPECT_EQ(settings.cache.most_negative_ttl, Seconds(60));
  EXPECT_EQ(settings.cache.stale, Seconds(0));
  EXPECT_FALSE(settings.cache.prefetch);
  const UpstreamSettings& upstream = settings.upstreams.at(0);
  EXPECT_EQ(upstream.netns, "pid:17");
  EXPECT_EQ(upstream.timeout, Milliseconds(250));
  EXPECT_EQ(upstream.servers.at(0).endpoint.to_string(), "127.0.0.11:53");
  EXPECT_FALSE(upstream.servers.at(0).tcp_only);
  EXPECT_EQ(upstream.servers.at(1).endpoint.to_string(), "[2620:fe::fe]:5353");
  EXPECT_TRUE(upstream.servers.at(1).tcp_only);
  const PolicySettings& ci = settings.policies.at(0);
  EXPECT_EQ(ci.deny, policy::DenyReply::kAddress);
  EXPECT_EQ(ci.deny_v4, IpAddress::parse("192.0.2.1"));
  EXPECT_EQ(ci.deny_v6, IpAddress::parse("2001:db8::1"));
  EXPECT_EQ(ci.negative_ttl, Seconds(2));
  ASSERT_EQ(ci.rules.size(), 5U);
  const auto rules = ci.rules.standing();
  ASSERT_EQ(rules.size(), 5U);
  EXPECT_EQ(rules[0].at, (Location{"n.toml", 29, 10}));
  EXPECT_EQ(rules[4].at.file, "/etc/nxgate/allow.d/a.list");
  EXPECT_EQ(ci.local.size(), 3U) << "box.test, its reverse name, db.test";
  EXPECT_THAT(ci.suppressed_types, ElementsAre(wire::Type::kAaaa, wire::Type::kHttps));
  EXPECT_EQ(ci.on_upstream_failure, policy::FailureReply::kNxDomain);
  EXPECT_EQ(ci.upstream.name, "app");
  EXPECT_EQ(ci.routes.at(0).names.at(0).to_text(), "corp.example");
  EXPECT_EQ(settings.clients.at(0).from.at(1).prefix.to_string(), "fd00::/8");
  EXPECT_THAT(context_.watched, ElementsAre("/etc/nxgate/allow.d/*", "/etc/nxgate/hosts"));
}

TEST_F(LoadTest, ExfiltrationIsLimitedWhereTheTableIs) {
  const Settings settings = load(R"([policies.ci.exfiltration]
new-names = 5
longest-label = 40
entropy = 0
types = ["A", "TYPE65"]
[policies.usual]
exfiltration = {}
[policies.without]
)");
  ASSERT_THAT(context_.faults, IsEmpty());
  const auto limits_of = [&](const char* name) {
    return std::ranges::find(settings.policies, Reference{name, {}}, &PolicySettings::name)
        ->exfiltration;
  };
  const policy::Exfiltration written{.new_names = 5,
                                     .longest_label = 40,
                                     .entropy = 0,
                                     .types = {wire::Type::kA, wire::Type::kHttps}};
  EXPECT_EQ(limits_of("ci"), written);
  EXPECT_EQ(limits_of("usual"), policy::Exfiltration());
  EXPECT_EQ(limits_of("without"), std::nullopt);
}

TEST_F(LoadTest, ListsMayHaveOtherFormats) {
  files_.files["/etc/nxgate/ads.txt"] = "0.0.0.0 ads.test\n10.0.0.1 own.test\n";
  files_.files["/etc/nxgate/filters.txt"] =
      "||filtered.test^\n/re/\n/more/\n/and/\n/yet/\n/six/\n/7/\n";
  files_.files["/etc/nxgate/names.list"] = "named.test\n127.0.0.1 wrong.test\n";
  const Settings settings = load(R"([policies.ci]
on-bad-line = "skip"
deny-files = ["ads.txt", "filters.txt", { path = "names.list", format = "names" }]
)");
  ASSERT_THAT(context_.faults, IsEmpty());
  std::vector<std::string> names;
  for (const policy::Rule& rule : settings.policies.at(0).rules.standing()) {
    names.push_back(policy::to_string(rule.scope, rule.name));
  }
  EXPECT_THAT(names, ElementsAre("=ads.test", "filtered.test", "named.test"));
  ASSERT_EQ(context_.warnings.size(), 8U) << "one, five of six and their number, one";
  EXPECT_EQ(context_.warnings[0].at, (Location{"/etc/nxgate/ads.txt", 2, 10}));
  EXPECT_EQ(context_.warnings[5].at.line, 6U);
  EXPECT_EQ(context_.warnings[6].text, "6 lines are skipped in total");
  EXPECT_EQ(context_.warnings[7].at, (Location{"/etc/nxgate/names.list", 2, 1}));
}

TEST_F(LoadTest, AnAllowRuleThatADenyRuleTakesAwayIsAWarning) {
  files_.files["/etc/nxgate/deny.list"] = "# denied\nads.test\n*.below.test\n";
  load(R"([upstreams.default]
servers = ["192.0.2.53"]
[policies.ci]
allow = ["ads.test", "ok.test", "=below.test", "x.below.test"]
deny-files = ["deny.list"]
)");
  ASSERT_EQ(context_.warnings.size(), 1U);
  EXPECT_EQ(context_.warnings[0].at, (Location{"n.toml", 4, 10}));
  EXPECT_EQ(
      context_.warnings[0].text,
      "`ads.test` does nothing: `ads.test` (/etc/nxgate/deny.list:2:1) denies the same names");
}

/// A text and the beginnings of the faults it must give, in order.
struct Case {
  const char* text;
  std::vector<const char*> faults;
};

TEST_F(LoadTest, EachFaultStandsAtItsPlace) {
  const std::vector<Case> cases{
      {"servr = 1", {"n.toml:1:1: unknown key \"servr\" (did you mean \"server\"?)"}},
      {"[server]\nlisten = [\"127.0.0.1:53\"]\nworker = 2",
       {"n.toml:3:1: unknown key \"worker\" (did you mean \"workers\"?)"}},
      {"[server]\nlisten = [\"127.0.0.256:53\"]",
       {"n.toml:2:11: \"127.0.0.256:53\": expected an address or interface to listen on"}},
      {"[server]\nlisten = [\"127.0.0.1:99999\"]", {"n.toml:2:11: \"127.0.0.1:99999\""}},
      {"[server]\nlisten = []", {"n.toml:2:10: expected a list of at least one listener"}},
      {"[server]\nlisten = [{ netns = \"web\" }]",
       {"n.toml:2:11: missing key \"address\": expected listener"}},
      {"[server]\nlisten = [\"127.0.0.1:53@../x\"]",
       {"n.toml:2:11: \"../x\": expected a network namespace"}},
      {"[server]\nlisten = [\"127.0.0.1:53@container:a/b\"]",
       {"n.toml:2:11: \"container:a/b\": expected the name of a container"}},
      {"[upstreams.default]\nservers = [\"1.1.1.1\"]\nnetns = \"container:\"",
       {"n.toml:3:9: \"container:\": expected the name of a container"}},
      {"[server]\nworkers = 0", {"n.toml:2:11: \"0\": expected \"auto\" or a number from 1"}},
      {"[server]\ntcp-idle = 5", {"n.toml:2:12: \"5\": expected a time with its unit"}},
      {"[server]\nuser = [1]", {"n.toml:2:8: expected a single value, found a list"}},
      {"[cache]\nsize = \"32MB\"", {"n.toml:2:8: \"32MB\": expected a size in bytes"}},
      {"[cache]\nleast-ttl = \"1500ms\"", {"n.toml:2:13: \"1500ms\": expected whole seconds"}},
      {"cache = 3", {"n.toml:1:9: expected a table, found 3"}},
      {"[upstreams.default]\nservers = [\"dns.google\"]",
       {"n.toml:2:12: \"dns.google\": expected a server's address"}},
      {"[upstreams.default]\nservers = []", {"n.toml:2:11: expected at least one server"}},
      {"[upstreams.default]", {"n.toml:1:1: missing key \"servers\""}},
      {"[upstreams.default]\nservers = [\"1.1.1.1\"]\ntimeout = \"1h\"",
       {"n.toml:3:11: \"1h\": expected a time from 50ms to 30s"}},
      {"[upstreams.default]\nservers = [\"127.0.0.1\"]",
       {"n.toml:2:12: \"127.0.0.1:53\" is nxgate itself"}},
      {"[upstreams.default]\nservers = [\"fe80::1\"]",
       {"n.toml:2:12: \"fe80::1\": expected the interface of a link-local address behind it, such "
        "as \"fe80::1%eth0\""}},
      {"[upstreams.default]\nservers = [\"9.9.9.9%eth0\"]",
       {"n.toml:2:12: \"9.9.9.9%eth0\": expected a server's address"}},
      {"[policies.default]\ndeny = \"nxdomian\"",
       {"n.toml:2:8: \"nxdomian\": expected one of \"nxdomain\", \"nodata\""}},
      {"[policies.default]\ndeny = \"address\"", {"n.toml:1:11: deny = \"address\" without"}},
      {"[policies.default]\ndeny-addresses = [\"192.0.2.1\"]",
       {"n.toml:1:11: \"deny-addresses\" has no effect"}},
      {"[policies.default]\nallow = [\"a..b\", \"ok.example\", \"https://x.test\"]",
       {"n.toml:2:10: ", "n.toml:2:32: "}},
      {"[policies.default]\nallow = [\n  \"com\",\n  \"co.uk\",\n  \"=net\",\n  \"org force\"]",
       {"n.toml:3:3: `com` would allow everything under a public suffix",
        "n.toml:4:3: `co.uk` would allow"}},
      {"[policies.default]\nallow = [\"*.github.io:443\"]",
       {"n.toml:2:10: `*.github.io:443` would allow everything under a public suffix, below which "
        "a "
        "provider's customers have names; if that is intended, write `*.github.io:443 force`"}},
      {"[policies.default]\non-bad-line = \"ignore\"",
       {"n.toml:2:15: \"ignore\": expected one of \"refuse\", \"skip\""}},
      {"[policies.default]\ndeny-files = [{ path = \"a.list\", format = \"adguard\" }, 7]",
       {"n.toml:2:43: \"adguard\": expected one of \"auto\", \"names\"", "n.toml:2:56: "}},
      {"[policies.default]\nallow = [7]", {"n.toml:2:10: expected a text, found 7"}},
      {"[policies.default]\npresets = [\"npm\", \"npn\"]",
       {"n.toml:2:19: \"npn\": no such preset (did you mean \"npm\"?)"}},
      {"[policies.default]\npresets = \"npm\"", {"n.toml:2:11: expected a list of texts"}},
      {"[policies.default]\nallow-files = [\"missing.list\"]",
       {"n.toml:2:16: \"/etc/nxgate/missing.list\": no such file"}},
      {"[policies.default]\nrecords = [\"db.test A 10.0.0.500\"]", {"n.toml:2:12: "}},
      {"[policies.default]\nsuppress-types = [\"AAAAA\"]",
       {"n.toml:2:19: \"AAAAA\": expected a record type"}},
      {"[policies.default.exfiltration]\nnew-names = -1\nlongest-label = 0\nentropy = 2001",
       {"n.toml:2:13: \"-1\": expected a number from 0 to 1000000",
        "n.toml:3:17: \"0\": expected a number from 1 to 63",
        "n.toml:4:11: \"2001\": expected a number from 0 to 2000"}},
      {"[server.rate-limit]\nburst = 0\nipv4-prefix = 33\nipv6-prefix = 129",
       {"n.toml:2:9: \"0\": expected a number from 1 to 65535",
        "n.toml:3:15: \"33\": expected a number from 1 to 32",
        "n.toml:4:15: \"129\": expected a number from 1 to 128"}},
      {"[policies.default.exfiltration]\ntypes = [\"A\", \"BOGUS\"]\nentropie = 5",
       {"n.toml:2:15: \"BOGUS\": expected a record type",
        "n.toml:3:1: unknown key \"entropie\" (did you mean \"entropy\"?)"}},
      {"[policies.default]\nexfiltration = 7", {"n.toml:2:16: expected a table, found 7"}},
      {"[policies.default]\nupstream = \"ap\"\n[upstreams.app]\nservers = [\"1.1.1.1\"]",
       {"n.toml:2:12: \"ap\": no such upstream (did you mean \"app\"?)"}},
      {"[policies.default]\nroutes = [{ names = [\"a.b\"], upstream = \"x\" }]",
       {"n.toml:2:41: \"x\": no such upstream"}},
      {"[[clients]]\nfrom = [\"10.0.0.0/8\"]\npolicy = \"nobody\"",
       {"n.toml:3:10: \"nobody\": no such policy"}},
      {"[[clients]]\nfrom = [\"10.0.0.1/8\"]\npolicy = \"default\"",
       {"n.toml:2:9: \"10.0.0.1/8\": expected an address range"}},
      {"[[clients]]\nfrom = [\"10.0.0.0/8\", \"10.0.0.0/8\"]\npolicy = \"default\"",
       {"n.toml:2:23: \"10.0.0.0/8\" stands at n.toml:2:9 already"}},
      {"[server]\nuser = \"a\"\nuser = \"b\"", {"n.toml:3:"}},
      {"x = ", {"n.toml:1:"}},
  };
  for (const Case& one : cases) {
    const std::vector<std::string> faults = faults_of(one.text);
    std::vector<testing::Matcher<std::string>> expected;
    expected.reserve(one.faults.size());
    for (const char* text : one.faults) expected.emplace_back(StartsWith(text));
    EXPECT_THAT(faults, testing::ElementsAreArray(expected)) << one.text;
  }
}

TEST_F(LoadTest, OverlappingListenersAreRefused) {
  const auto listen = [&](const std::string& list) {
    return faults_of("[server]\nlisten = [" + list + "]");
  };
  EXPECT_THAT(listen(R"("127.0.0.1:53", "127.0.0.1")"),
              ElementsAre(StartsWith("n.toml:2:27: \"127.0.0.1:53\" overlaps with "
                                     "\"127.0.0.1:53\" of n.toml:2:11")));
  EXPECT_EQ(listen(R"("0.0.0.0:53", "127.0.0.1:53")").size(), 1U);
  EXPECT_EQ(listen(R"("127.0.0.1:53@web", "127.0.0.1:53@/run/netns/web")").size(), 1U);
  EXPECT_EQ(listen(R"("eth1:53", "eth1")").size(), 1U);
  EXPECT_EQ(listen(R"("eth1:53", "0.0.0.0:53")").size(), 1U);
  EXPECT_THAT(listen(R"("0.0.0.0:53", "[::]:53", "0.0.0.0:54", "eth1:55", "127.0.0.1:53@web")"),
              IsEmpty());
}

TEST_F(LoadTest, FaultsInsideFilesNameTheFile) {
  files_.files["/etc/nxgate/a.list"] = "good.example\n\nbad..example # why\n";
  files_.files["/etc/nxgate/hosts"] = "10.0.0.300 x\n";
  EXPECT_THAT(
      faults_of("[policies.default]\nhosts-files = [\"hosts\"]\nallow-files = "
                "[\"a.list\"]"),
      ElementsAre(StartsWith("/etc/nxgate/a.list:3:1: "), StartsWith("/etc/nxgate/hosts:1:1: ")));
}

TEST_F(LoadTest, BeyondAHundredFaultsOfAFileNoMoreAreTold) {
  std::string lines;
  for (int i = 0; i < 5000; ++i) lines += "a..b\n";
  files_.files["/etc/nxgate/bad"] = lines;
  files_.files["/etc/nxgate/hosts"] = lines;
  const auto faults = faults_of(
      "[policies.default]\nhosts-files = [\"hosts\"]\nallow-files = [\"bad\"]\ndeny = \"x\"\n");
  EXPECT_THAT(faults, testing::SizeIs(1 + 2 * (kMostFaults + 1)));
  EXPECT_THAT(faults, testing::Contains(StartsWith("/etc/nxgate/bad:100:1: `a..b`")));
  EXPECT_THAT(faults,
              testing::Contains(StartsWith("/etc/nxgate/bad:101:1: stopped after 100 errors")));
  EXPECT_THAT(faults,
              testing::Contains(StartsWith("/etc/nxgate/hosts:101:1: stopped after 100 errors")));
}

TEST_F(LoadTest, KeysTooDeepForTheParserAreRefused) {
  std::string deep = "a";
  for (int i = 0; i < 200'000; ++i) deep += ".a";
  EXPECT_THAT(faults_of("\n" + deep + " = 1"),
              ElementsAre("n.toml:2:16: a key of more than 8 parts; no key is that deep"));
  EXPECT_THAT(faults_of("x = 'it'\ny = \"\"\"a\"\"\"\"\"\n[" + deep + "]"),
              ElementsAre("n.toml:3:17: a key of more than 8 parts; no key is that deep"));
  EXPECT_THAT(
      faults_of("[policies.default]\nallow = [\"a.b.c.d.e.f.g.h.i.j.k.l\"] # a.b.c.d.e.f.g.h.i"),
      IsEmpty());
}

TEST_F(LoadTest, ResolvConfServesWhenNoUpstreamIsNamed) {
  files_.files["/etc/resolv.conf"] =
      "# comment\nnameserver 127.0.0.1\nnameserver 9.9.9.9\nnameserver fe80::1%eth0\n";
  const Settings settings = load("[policies.default]\nallow = [\"a.example\"]");
  EXPECT_THAT(context_.faults, IsEmpty());
  ASSERT_EQ(settings.upstreams.size(), 1U);
  ASSERT_EQ(settings.upstreams[0].servers.size(), 2U) << "127.0.0.1:53 is nxgate itself";
  EXPECT_EQ(settings.upstreams[0].servers[0].endpoint.to_string(), "9.9.9.9:53");
  EXPECT_EQ(settings.upstreams[0].servers[1].endpoint.to_string(), "[fe80::1%eth0]:53");
  ASSERT_EQ(context_.warnings.size(), 1U);
  EXPECT_EQ(to_string(context_.warnings[0]),
            "/etc/resolv.conf:2:1: nameserver 127.0.0.1 is nxgate itself and is ignored");
  EXPECT_THAT(context_.watched, ElementsAre("/etc/resolv.conf"));
}

TEST_F(LoadTest, ResolvConfServersThatCantBeAskedAreIgnoredAloud) {
  files_.files["/etc/resolv.conf"] =
      "nameserver 9.9.9.9:53\nnameserver [fe80::3%eth0]\nnameserver fe80::2\n"
      "nameserver 192.0.2.7\nnameserver fe80::1%eth0\n";
  files_.own_addresses = {"192.0.2.7"};
  const Settings settings =
      load("[server]\nlisten = [\"0.0.0.0\"]\n[policies.default]\nallow = [\"a.example\"]");
  ASSERT_EQ(settings.upstreams.at(0).servers.size(), 1U);
  EXPECT_EQ(settings.upstreams[0].servers[0].endpoint.host(), "fe80::1%eth0");
  std::vector<std::string> warnings;
  for (const Fault& warning : context_.warnings) warnings.push_back(to_string(warning));
  EXPECT_THAT(
      warnings,
      ElementsAre("/etc/resolv.conf:3:1: nameserver fe80::2 is link-local and is ignored; expected "
                  "its interface behind it, such as fe80::2%eth0",
                  "/etc/resolv.conf:4:1: nameserver 192.0.2.7 is nxgate itself and is ignored"));
}

TEST_F(LoadTest, AServerThatIsOneOfOurAddressesUnderAWildcardIsRefused) {
  files_.own_addresses = {"192.0.2.7", "fe80::7%eth0"};
  const auto faults = [&](std::string_view listener, std::string_view server) {
    return faults_of(
        fmt::format("[server]\nlisten = [\"{}\"]\n[upstreams.default]\n"
                    "servers = [\"9.9.9.9\", \"{}\"]",
                    listener, server));
  };
  EXPECT_THAT(
      faults("0.0.0.0", "192.0.2.7"),
      ElementsAre("n.toml:4:23: \"192.0.2.7:53\" is nxgate itself; expected another server"));
  EXPECT_THAT(faults("[::]:5353", "[fe80::7%eth0]:5353"),
              ElementsAre("n.toml:4:23: \"[fe80::7%eth0]:5353\" is nxgate itself; expected another "
                          "server"));
  EXPECT_THAT(faults("0.0.0.0", "192.0.2.8"), IsEmpty());
  EXPECT_THAT(faults("0.0.0.0", "192.0.2.7:54"), IsEmpty());
  EXPECT_THAT(faults("[::]", "192.0.2.7"), IsEmpty());
  EXPECT_THAT(faults("127.0.0.1", "192.0.2.7"), IsEmpty());
  EXPECT_THAT(faults("0.0.0.0@web", "192.0.2.7"), IsEmpty());
}

TEST_F(LoadTest, WithoutAnyServerThereIsAWarningAndNoFallback) {
  const Settings settings = load("[policies.default]\nallow = [\"a.example\"]");
  EXPECT_THAT(settings.upstreams.at(0).servers, IsEmpty());
  EXPECT_EQ(context_.warnings.size(), 2U) << "no resolv.conf, no server";
}

TEST_F(LoadTest, AnEgressTableMakesAFirewall) {
  const Settings settings = load(R"([policies.ci.egress]
ports = ["tcp/443", "53"]
always = ["10.0.0.0/8 tcp/5432", "192.0.2.7"]
never = ["198.51.100.0/24", "private"]
grace = "90s"
max-ttl = "5m"
[policies.off.egress]
mode = "off"
[policies.plain.egress]
)");
  EXPECT_THAT(context_.faults, IsEmpty());
  const auto egress_of = [&](const char* name) {
    return std::ranges::find(settings.policies, name,
                             [](const PolicySettings& each) { return each.name.name; })
        ->egress;
  };
  const policy::Egress egress = egress_of("ci").value();
  EXPECT_EQ(egress.ports.size(), 3U);
  ASSERT_EQ(egress.always.size(), 2U);
  EXPECT_EQ(egress.always[0].port->to_string(), "tcp/5432");
  EXPECT_FALSE(egress.always[1].port);
  EXPECT_EQ(egress.never.size(), 1U);
  EXPECT_TRUE(egress.never_private);
  EXPECT_EQ(egress.grace, Seconds(90));
  EXPECT_EQ(egress.most_ttl, 300U);
  EXPECT_FALSE(egress_of("off"));
  EXPECT_FALSE(egress_of("plain")->never_private);
  EXPECT_TRUE(egress_of("plain")->never[0].contains(*IpAddress::parse("169.254.169.254")));
}

TEST_F(LoadTest, NamesAreCheckedAtConnectionsWhereAFirewallEnforces) {
  const Settings settings = load(R"([policies.usual.egress]
[policies.audit.egress]
mode = "audit"
check-names = ["tls:443"]
[policies.own.egress]
check-names = ["tls:8443", "http:8080"]
ech = "refuse"
quic = "pass"
unnamed = "address"
on-policy-change = "keep"
dial = "host"
[policies.none.egress]
check-names = []
)");
  EXPECT_THAT(context_.faults, IsEmpty());
  const auto egress_of = [&](const char* name) {
    return *std::ranges::find(settings.policies, name, [](const PolicySettings& each) {
              return each.name.name;
            })->egress;
  };
  EXPECT_EQ(egress_of("usual").checks.ports, policy::usual_checks());
  EXPECT_EQ(egress_of("usual").checks.quic, policy::Quic::kRefuse);
  EXPECT_TRUE(egress_of("usual").strip_ech) << "with the keys the name could be hidden";
  EXPECT_TRUE(egress_of("audit").checks.ports.empty());
  EXPECT_TRUE(egress_of("none").checks.ports.empty());
  EXPECT_FALSE(egress_of("none").strip_ech);
  const policy::ConnectionChecks own = egress_of("own").checks;
  const std::vector<policy::CheckedPort> ports{{policy::NameIn::kTls, 8443},
                                               {policy::NameIn::kHttp, 8080}};
  EXPECT_EQ(own.ports, ports);
  EXPECT_EQ(own.encrypted_hello, policy::EncryptedHello::kRefuse);
  EXPECT_EQ(own.quic, policy::Quic::kPass);
  EXPECT_EQ(own.unnamed, policy::Unnamed::kByAddress);
  EXPECT_EQ(own.dial, policy::DialFrom::kHost);
  EXPECT_FALSE(own.closes_on_change);
}

TEST_F(LoadTest, WhatIsWrongWithNameChecksHasAPlace) {
  EXPECT_THAT(faults_of("[policies.ci.egress]\ncheck-names = [\"443\", \"tls:0\", \"tls:443\", "
                        "\"http:443\", \"tls:853\"]\nquic = \"check\"\n"),
              ElementsAre(HasSubstr("2:16: \"443\": expected \"tls:PORT\" or \"http:PORT\""),
                          HasSubstr("\"tls:0\": expected"), HasSubstr("the port is there already"),
                          HasSubstr("closed in any case"),
                          HasSubstr("3:8: \"check\": expected \"pass\" or \"refuse\"")));
}

TEST_F(LoadTest, SlipsInAnEgressTableHaveAPlace) {
  EXPECT_THAT(faults_of("[policies.ci.egress]\nmode = \"on\"\nports = [\"https\"]\n"),
              ElementsAre(StartsWith("n.toml:2:8: "), StartsWith("n.toml:3:10: ")));
}

}  // namespace
}  // namespace nxgate::config
