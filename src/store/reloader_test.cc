#include "store/reloader.h"

#include <cstdint>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/address.h"
#include "config/memory_files.h"
#include "config/overrides.h"
#include "engine/snapshot.h"
#include "store/explain.h"
#include "store/settings_source.h"
#include "wire/name.h"
#include "wire/query.h"
#include "wire/types.h"

namespace nxgate::store {
namespace {

using testing::HasSubstr;

constexpr const char* kFirst = R"(
[server]
listen = ["127.0.0.1:5353"]
[upstreams.default]
servers = ["192.0.2.1"]
[upstreams.app]
servers = ["192.0.2.2"]
netns = "app"
[policies.default]
allow = ["a.example", "corp.example"]
deny-names = ["no.a.example"]
records = ["db.test A 10.0.0.5", "alias.test CNAME www.a.example"]
suppress-types = ["AAAA"]
routes = [{ names = ["corp.example"], upstream = "app" }]
[policies.ci]
deny = "refused"
[[clients]]
from = ["10.0.0.0/8"]
policy = "ci"
)";

/// No policy of these tests has a firewall.
class NoFirewalls final : public policy::EgressRegistry {
 public:
  std::shared_ptr<policy::EgressSets> sets_of(const std::string&) override { return nullptr; }
};

class ReloaderTest : public testing::Test {
 protected:
  ReloaderTest() { options_.config = "/n.toml"; }

  Reloader start(const std::string& text,
                 const sys::KeptCapabilities& kept = {.enter_namespaces = true}) {
    files_.files["/n.toml"] = text;
    return {options_, files_, load_settings(options_, files_), kept, firewalls_};
  }

  static bool reload(Reloader& reloader) {
    Reloader::Pending pending = reloader.begin();
    reloader.prepare(pending);
    return reloader.commit(pending);
  }

  static std::string explained(Reloader& reloader, const char* name,
                               wire::Type type = wire::Type::kA, const char* client = "127.0.0.1") {
    const wire::Question question{wire::DomainName::from_text(name).value(), type,
                                  wire::Class::kIn};
    return to_text(
        explain(*reloader.snapshots().load(), question, IpAddress::parse(client).value()));
  }

  NoFirewalls firewalls_;
  config::Overrides options_;
  config::MemoryFiles files_;
};

TEST_F(ReloaderTest, TheSnapshotDecidesAsConfigured) {
  Reloader reloader = start(kFirst);
  EXPECT_THAT(explained(reloader, "www.a.example"),
              HasSubstr("verdict  allowed: asks upstream default (192.0.2.1:53)\n"));
  EXPECT_THAT(explained(reloader, "www.a.example"),
              HasSubstr("rule     allow \"a.example\" (/n.toml:10:10)\n"));
  EXPECT_THAT(explained(reloader, "x.corp.example"),
              HasSubstr("asks upstream app (192.0.2.2:53) in network namespace app\n"
                        "route    corp.example and below\n"));
  EXPECT_THAT(explained(reloader, "no.a.example"),
              HasSubstr("rule     deny \"no.a.example\" (/n.toml:11:15)\n"
                        "verdict  denied: NXDOMAIN\n"));
  EXPECT_THAT(explained(reloader, "other.example"),
              HasSubstr("rule     default: no rule is about this name\n"));
  EXPECT_THAT(explained(reloader, "example"), HasSubstr("NODATA, an allowed or local name"));
  EXPECT_THAT(explained(reloader, "."), HasSubstr("NODATA, as always for the root"));
  EXPECT_THAT(explained(reloader, "a.example", wire::Type::kAaaa),
              HasSubstr("allowed, but NODATA: the policy suppresses AAAA"));
  EXPECT_THAT(explained(reloader, "db.test"), HasSubstr("verdict  local: 1 record\n"));
  EXPECT_THAT(explained(reloader, "db.test", wire::Type::kMx),
              HasSubstr("local: NODATA, the name has no MX record"));
  EXPECT_THAT(explained(reloader, "alias.test"),
              HasSubstr("asks upstream default (192.0.2.1:53) for www.a.example"));
  EXPECT_THAT(explained(reloader, "a.example", wire::Type::kA, "10.1.2.3"),
              HasSubstr("policy   ci\nrule     default: no rule is about this name\n"
                        "verdict  denied: REFUSED\n"));
  EXPECT_THAT(explained(reloader, "localhost"), HasSubstr("local: 1 record"));
}

TEST_F(ReloaderTest, ClientsOfNoPolicyAreProhibited) {
  Reloader reloader = start(
      "[policies.ci]\nallow = [\"a.b\"]\n[upstreams.default]\nservers = [\"192.0.2.1\"]\n"
      "[[clients]]\nfrom = [\"10.0.0.0/8\"]\npolicy = \"ci\"\n");
  EXPECT_THAT(explained(reloader, "a.b"), HasSubstr("no policy covers this client"));
  EXPECT_THAT(explained(reloader, "a.b", wire::Type::kA, "10.0.0.1"), HasSubstr("allowed"));
}

TEST_F(ReloaderTest, AReloadPublishesTheNextGeneration) {
  Reloader reloader = start(kFirst);
  const auto before = reloader.snapshots().load();
  files_.files["/n.toml"] = std::string(kFirst) + "\n[upstreams.third]\nservers = [\"192.0.2.3\"]";
  ASSERT_TRUE(reload(reloader));
  const auto after = reloader.snapshots().load();
  EXPECT_EQ(before->generation, 1U);
  EXPECT_EQ(after->generation, 2U);
  EXPECT_EQ(after->groups.size(), 3U);
}

TEST_F(ReloaderTest, OnlyChangedGroupsGetANewIdentity) {
  Reloader reloader = start(kFirst);
  const auto identity = [&](const std::string& name) -> std::uint32_t {
    const auto snapshot = reloader.snapshots().load();
    for (const engine::UpstreamGroup& group : snapshot->groups) {
      if (group.name == name) return group.identity;
    }
    return 0;
  };
  const std::uint32_t standard = identity("default");
  const std::uint32_t app = identity("app");
  std::string text = kFirst;
  text.replace(text.find("192.0.2.2"), 9, "192.0.2.9");
  files_.files["/n.toml"] = text;
  ASSERT_TRUE(reload(reloader));
  EXPECT_EQ(identity("default"), standard);
  EXPECT_NE(identity("app"), app);
  EXPECT_NE(identity("app"), standard);
}

TEST_F(ReloaderTest, AFaultKeepsWhatRuns) {
  Reloader reloader = start(kFirst);
  const auto before = reloader.snapshots().load();
  files_.files["/n.toml"] = "[policies.default]\nallow = [\"com\"]\n";
  EXPECT_FALSE(reload(reloader));
  files_.files.erase("/n.toml");
  EXPECT_FALSE(reload(reloader));
  EXPECT_EQ(reloader.snapshots().load(), before);
}

TEST_F(ReloaderTest, WhatIsSealedAtStartIsRefused) {
  Reloader reloader = start(kFirst);
  const auto before = reloader.snapshots().load();
  std::string text = kFirst;
  text.replace(text.find("5353"), 4, "5354");
  files_.files["/n.toml"] = text;
  EXPECT_FALSE(reload(reloader));
  files_.files["/n.toml"] = std::string(kFirst) + "[cache]\nsize = \"1MiB\"\n";
  EXPECT_FALSE(reload(reloader));
  EXPECT_EQ(reloader.snapshots().load(), before);
}

TEST_F(ReloaderTest, ANamespaceIsRefusedOnceTheRightToEnterIsGone) {
  const std::string plain = "[upstreams.default]\nservers = [\"192.0.2.1\"]\n";
  Reloader reloader = start(plain, {});
  files_.files["/n.toml"] = plain + "netns = \"app\"\n";
  EXPECT_FALSE(reload(reloader));
  files_.files["/n.toml"] = plain + "timeout = \"2s\"\n";
  EXPECT_TRUE(reload(reloader));
}

TEST_F(ReloaderTest, ANamespaceThatWasNotNamedAtStartTakesARestart) {
  const std::string servers = "[upstreams.default]\nservers = [\"192.0.2.1\"]\n";
  const std::string first = servers + "netns = \"app\"\n";
  Reloader reloader = start(first, {.enter_namespaces = true, .find_by_process = true});
  for (const char* netns : {"pid:1", "/proc/1/ns/net", "/run/netns/app", "other"}) {
    files_.files["/n.toml"] = servers + "netns = \"" + netns + "\"\n";
    EXPECT_FALSE(reload(reloader));
  }
  files_.files["/n.toml"] = first + "timeout = \"2s\"\n";
  EXPECT_TRUE(reload(reloader));
  files_.files["/n.toml"] = servers;
  EXPECT_TRUE(reload(reloader));
}

TEST_F(ReloaderTest, ARuleThatWasAddedDuringAReloadStays) {
  Reloader reloader = start(kFirst);
  Reloader::Pending pending = reloader.begin();
  reloader.prepare(pending);
  reloader.runtime_rules().add({.policy = "default",
                                .rule = {.name = wire::DomainName::from_text("added.test").value(),
                                         .scope = policy::Scope::kSubtree,
                                         .action = policy::Action::kAllow,
                                         .at = {}}});
  reloader.rules_changed();
  ASSERT_TRUE(reloader.commit(pending));
  EXPECT_EQ(reloader.snapshots().load()->generation, 2U);
  EXPECT_THAT(explained(reloader, "www.added.test"), HasSubstr("allowed"));
}

TEST_F(ReloaderTest, WhatAttachesSharesTheTablesWithRuntimeRules) {
  Reloader reloader = start(kFirst);
  reloader.runtime_rules().add({.policy = "default",
                                .rule = {.name = wire::DomainName::from_text("added.test").value(),
                                         .scope = policy::Scope::kSubtree,
                                         .action = policy::Action::kAllow,
                                         .at = {}}});
  reloader.rules_changed();
  const auto table = [&] { return reloader.snapshots().load()->policies.find("default")->matcher; };
  const auto before = table();
  reloader.set_attached({});
  EXPECT_EQ(table(), before);
}

}  // namespace
}  // namespace nxgate::store
