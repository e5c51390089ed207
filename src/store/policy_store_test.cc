#include "store/policy_store.h"

#include <cstdint>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/address.h"
#include "config/memory_files.h"
#include "config/overrides.h"
#include "engine/snapshot.h"
#include "policy/no_firewalls.h"
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

class PolicyStoreTest : public testing::Test {
 protected:
  PolicyStoreTest() { options_.config = "/n.toml"; }

  PolicyStore start(const std::string& text,
                    const sys::KeptCapabilities& kept = {.enter_namespaces = true}) {
    files_.files["/n.toml"] = text;
    return {options_, files_, load_settings(options_, files_), kept, firewalls_};
  }

  static bool reload(PolicyStore& policy_store) {
    PolicyStore::Pending pending = policy_store.begin();
    policy_store.prepare(pending);
    return policy_store.commit(pending);
  }

  /// Allows added.test, as `nxgate allow` does.
  static void add_rule(PolicyStore& policy_store) {
    policy_store.runtime_rules().add(
        {.policy = "default",
         .rule = {.name = wire::DomainName::from_text("added.test").value(),
                  .scope = policy::Scope::kSubtree,
                  .action = policy::Action::kAllow,
                  .at = {}}});
    policy_store.changed(policy_store.runtime_rules());
  }

  static std::string explained(PolicyStore& policy_store, const char* name,
                               wire::Type type = wire::Type::kA, const char* client = "127.0.0.1") {
    const wire::Question question{wire::DomainName::from_text(name).value(), type,
                                  wire::Class::kIn};
    return to_text(
        explain(*policy_store.snapshots().load(), question, IpAddress::parse(client).value()));
  }

  policy::NoFirewalls firewalls_;
  config::Overrides options_;
  config::MemoryFiles files_;
};

TEST_F(PolicyStoreTest, TheSnapshotDecidesAsConfigured) {
  PolicyStore policy_store = start(kFirst);
  EXPECT_THAT(explained(policy_store, "www.a.example"),
              HasSubstr("verdict  allowed: forwarded to upstream default (192.0.2.1:53)\n"));
  EXPECT_THAT(explained(policy_store, "www.a.example"),
              HasSubstr("rule     allow \"a.example\" (/n.toml:10:10)\n"));
  EXPECT_THAT(explained(policy_store, "x.corp.example"),
              HasSubstr("forwarded to upstream app (192.0.2.2:53) in network namespace app\n"
                        "route    corp.example and below\n"));
  EXPECT_THAT(explained(policy_store, "no.a.example"),
              HasSubstr("rule     deny \"no.a.example\" (/n.toml:11:15)\n"
                        "verdict  denied: NXDOMAIN\n"));
  EXPECT_THAT(explained(policy_store, "other.example"),
              HasSubstr("rule     default: no rule matches this name\n"));
  EXPECT_THAT(explained(policy_store, "example"), HasSubstr("NODATA, an allowed or local name"));
  EXPECT_THAT(explained(policy_store, "."), HasSubstr("NODATA, as always for the root"));
  EXPECT_THAT(explained(policy_store, "a.example", wire::Type::kAaaa),
              HasSubstr("allowed, but NODATA: the policy suppresses AAAA"));
  EXPECT_THAT(explained(policy_store, "db.test"), HasSubstr("verdict  local: 1 record\n"));
  EXPECT_THAT(explained(policy_store, "db.test", wire::Type::kMx),
              HasSubstr("local: NODATA, the name has no MX record"));
  EXPECT_THAT(explained(policy_store, "alias.test"),
              HasSubstr("forwarded to upstream default (192.0.2.1:53) for www.a.example"));
  EXPECT_THAT(explained(policy_store, "a.example", wire::Type::kA, "10.1.2.3"),
              HasSubstr("policy   ci\nrule     default: no rule matches this name\n"
                        "verdict  denied: REFUSED\n"));
  EXPECT_THAT(explained(policy_store, "localhost"), HasSubstr("local: 1 record"));
}

TEST_F(PolicyStoreTest, ClientsOfNoPolicyAreProhibited) {
  PolicyStore policy_store = start(
      "[policies.ci]\nallow = [\"a.b\"]\n[upstreams.default]\nservers = [\"192.0.2.1\"]\n"
      "[[clients]]\nfrom = [\"10.0.0.0/8\"]\npolicy = \"ci\"\n");
  EXPECT_THAT(explained(policy_store, "a.b"), HasSubstr("no policy covers this client"));
  EXPECT_THAT(explained(policy_store, "a.b", wire::Type::kA, "10.0.0.1"), HasSubstr("allowed"));
}

TEST_F(PolicyStoreTest, AReloadPublishesTheNextGeneration) {
  PolicyStore policy_store = start(kFirst);
  const auto before = policy_store.snapshots().load();
  files_.files["/n.toml"] = std::string(kFirst) + "\n[upstreams.third]\nservers = [\"192.0.2.3\"]";
  ASSERT_TRUE(reload(policy_store));
  const auto after = policy_store.snapshots().load();
  EXPECT_EQ(before->generation, 1U);
  EXPECT_EQ(after->generation, 2U);
  EXPECT_EQ(after->groups.size(), 3U);
}

TEST_F(PolicyStoreTest, OnlyChangedGroupsGetANewIdentity) {
  PolicyStore policy_store = start(kFirst);
  const auto identity = [&](const std::string& name) -> std::uint32_t {
    const auto snapshot = policy_store.snapshots().load();
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
  ASSERT_TRUE(reload(policy_store));
  EXPECT_EQ(identity("default"), standard);
  EXPECT_NE(identity("app"), app);
  EXPECT_NE(identity("app"), standard);
}

TEST_F(PolicyStoreTest, AFaultKeepsWhatRuns) {
  PolicyStore policy_store = start(kFirst);
  const auto before = policy_store.snapshots().load();
  files_.files["/n.toml"] = "[policies.default]\nallow = [\"com\"]\n";
  EXPECT_FALSE(reload(policy_store));
  files_.files.erase("/n.toml");
  EXPECT_FALSE(reload(policy_store));
  EXPECT_EQ(policy_store.snapshots().load(), before);
}

TEST_F(PolicyStoreTest, WhatIsSealedAtStartIsRefused) {
  PolicyStore policy_store = start(kFirst);
  const auto before = policy_store.snapshots().load();
  std::string text = kFirst;
  text.replace(text.find("5353"), 4, "5354");
  files_.files["/n.toml"] = text;
  EXPECT_FALSE(reload(policy_store));
  files_.files["/n.toml"] = std::string(kFirst) + "[cache]\nsize = \"1MiB\"\n";
  EXPECT_FALSE(reload(policy_store));
  EXPECT_EQ(policy_store.snapshots().load(), before);
}

TEST_F(PolicyStoreTest, ANamespaceIsRefusedOnceTheRightToEnterIsGone) {
  const std::string plain = "[upstreams.default]\nservers = [\"192.0.2.1\"]\n";
  PolicyStore policy_store = start(plain, {});
  files_.files["/n.toml"] = plain + "netns = \"app\"\n";
  EXPECT_FALSE(reload(policy_store));
  files_.files["/n.toml"] = plain + "timeout = \"2s\"\n";
  EXPECT_TRUE(reload(policy_store));
}

TEST_F(PolicyStoreTest, ANamespaceThatWasNotNamedAtStartTakesARestart) {
  const std::string servers = "[upstreams.default]\nservers = [\"192.0.2.1\"]\n";
  const std::string first = servers + "netns = \"app\"\n";
  PolicyStore policy_store = start(first, {.enter_namespaces = true, .find_by_process = true});
  for (const char* netns : {"pid:1", "/proc/1/ns/net", "/run/netns/app", "other"}) {
    files_.files["/n.toml"] = servers + "netns = \"" + netns + "\"\n";
    EXPECT_FALSE(reload(policy_store));
  }
  files_.files["/n.toml"] = first + "timeout = \"2s\"\n";
  EXPECT_TRUE(reload(policy_store));
  files_.files["/n.toml"] = servers;
  EXPECT_TRUE(reload(policy_store));
}

TEST_F(PolicyStoreTest, ARuleThatWasAddedDuringAReloadStays) {
  PolicyStore policy_store = start(kFirst);
  PolicyStore::Pending pending = policy_store.begin();
  policy_store.prepare(pending);
  add_rule(policy_store);
  ASSERT_TRUE(policy_store.commit(pending));
  EXPECT_EQ(policy_store.snapshots().load()->generation, 2U);
  EXPECT_THAT(explained(policy_store, "www.added.test"), HasSubstr("allowed"));
}

TEST_F(PolicyStoreTest, WhatAttachesSharesTheTablesWithRuntimeRules) {
  PolicyStore policy_store = start(kFirst);
  add_rule(policy_store);
  const auto table = [&] {
    return policy_store.snapshots().load()->policies.find("default")->matcher;
  };
  const auto before = table();
  policy_store.attached().assign({});
  policy_store.changed(policy_store.attached());
  EXPECT_EQ(table(), before);
}

}  // namespace
}  // namespace nxgate::store
