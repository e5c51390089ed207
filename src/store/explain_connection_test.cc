#include "store/explain_connection.h"

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "base/address.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "config/memory_files.h"
#include "config/overrides.h"
#include "engine/snapshot.h"
#include "policy/egress.h"
#include "policy/no_firewalls.h"
#include "policy/policy.h"
#include "store/explain.h"
#include "store/policy_store.h"
#include "store/settings_source.h"

namespace nxgate::store {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kConfig = R"(
[server]
listen = ["127.0.0.1:5353"]
[upstreams.default]
servers = ["192.0.2.1"]
[policies.default]
allow = ["a.test", "ssh.test:tcp/22"]
[policies.default.egress]
)";
constexpr ClientKey kClient{5};
const IpAddress kTold = IpAddress::parse("203.0.113.7").value();
const IpAddress kOther = IpAddress::parse("203.0.113.8").value();

/// Told a.test's address to the one client; the other address is open for somebody else.
class FakeSets final : public policy::EgressSets {
 public:
  bool admit(const policy::Admission&, Instant) noexcept override { return true; }
  bool was_told(ClientKey client, const wire::DomainName&, const IpAddress& address,
                Instant) noexcept override {
    return client == kClient && address == kTold;
  }
  std::optional<wire::DomainName> opener(const IpAddress&, const Port&, Instant) noexcept override {
    return {};
  }
  bool let_onward(std::span<const policy::OnwardFlow>) noexcept override { return false; }
  void end_onward(std::span<const policy::OnwardFlow>) noexcept override {}
  void note_unreachable(const Endpoint&) noexcept override {}
  policy::EgressView look(const std::string& name, Instant) override {
    if (name != "a.test") return {};
    return {.open = {{kTold, {IPPROTO_TCP, 443}, name, Milliseconds(2000)},
                     {kTold, {}, name, Milliseconds(1000)},
                     {kOther, {}, name, Milliseconds(3000)},
                     {kOther, {IPPROTO_TCP, 22}, name, Milliseconds(9000)}},
            .refused = {}};
  }
  policy::EgressView look(const IpAddress&, Instant) override { return {}; }
};

class ExplainConnectionTest : public testing::Test {
 protected:
  ExplainConnectionTest() {
    config::Overrides options;
    options.config = "/n.toml";
    config::MemoryFiles files;
    files.files["/n.toml"] = kConfig;
    policy::NoFirewalls firewalls;
    PolicyStore policy_store(options, files, load_settings(options, files), {}, firewalls);
    policy_ = *policy_store.snapshots().load()->policies.find("default");
    policy_.sets = std::make_shared<FakeSets>();
  }

  ConnectionFacts explain(std::string_view said, std::string_view address = {},
                          ClientKey client = kClient) const {
    const std::array clients{client};
    return explain_connection(&policy_, parse_connection(said, address).value(), "web", clients,
                              Clock::now());
  }
  std::string text(std::string_view said, std::string_view address = {}) const {
    return to_text(explain(said, address).facts);
  }

  policy::Policy policy_;
};

TEST_F(ExplainConnectionTest, ListsTheAddressesThatTheClientWasTold) {
  const ConnectionFacts found = explain("A.test");
  EXPECT_THAT(to_text(found.facts),
              HasSubstr("verdict  allowed at an address that the client was"));
  EXPECT_THAT(to_text(found.facts), HasSubstr("rule     allow \"a.test\""));
  ASSERT_EQ(found.addresses.size(), 2U);
  EXPECT_EQ(found.addresses[0].address, kOther);
  EXPECT_THAT(found.addresses[0].verdict, HasSubstr("wasn't told this address"));
  EXPECT_EQ(found.addresses[1].address, kTold);
  EXPECT_EQ(found.addresses[1].verdict, "allowed");
  EXPECT_EQ(found.addresses[1].left, Milliseconds(2000));
  EXPECT_THAT(to_text(explain("a.test", {}, ClientKey{6}).facts),
              HasSubstr("verdict  denied until the client has asked"));
}

TEST_F(ExplainConnectionTest, JudgesOneAddress) {
  EXPECT_THAT(text("a.test:443", "203.0.113.7"), HasSubstr("verdict  allowed\n"));
  EXPECT_THAT(text("a.test:443", "203.0.113.8"), HasSubstr("help     it must ask nxgate"));
  EXPECT_THAT(text("203.0.113.7"), HasSubstr("verdict  denied: it says no name"));
  EXPECT_THAT(text("203.0.113.7"), Not(HasSubstr("rule")));
}

TEST_F(ExplainConnectionTest, JudgesTheNameAndThePort) {
  EXPECT_THAT(text("bad.test"), HasSubstr("verdict  denied: the name isn't allowed\n"));
  EXPECT_THAT(text("ssh.test"), HasSubstr("denied: the name isn't allowed at this port\n"));
  EXPECT_THAT(text("a.test:80"), HasSubstr("check    the host of each HTTP request\n"));
  EXPECT_THAT(text("a.test:22"), HasSubstr("the firewall decides by the address and the port"));
}

TEST_F(ExplainConnectionTest, NeedsNoServer) {
  policy_.sets = nullptr;
  const auto planned = parse_connection("a.test", {}).value();
  const ConnectionFacts found = explain_connection(&policy_, planned, "web", {}, Clock::now());
  EXPECT_THAT(to_text(found.facts),
              HasSubstr("verdict  allowed at each address that the client is"));
  EXPECT_THAT(found.addresses, IsEmpty());
  EXPECT_THAT(text("a.test"), HasSubstr("there is no firewall for this client"));
  EXPECT_THAT(to_text(explain_connection(nullptr, planned, "web", {}, Clock::now()).facts),
              HasSubstr("denied: no policy covers this client"));
}

TEST(ParseConnection, ReadsNamesPortsAndAddresses) {
  EXPECT_EQ(parse_connection("a.test", "")->port, 443);
  EXPECT_EQ(parse_connection("a.test:80", "")->port, 80);
  EXPECT_EQ(parse_connection("[2001:db8::7]:80", "")->port, 80);
  EXPECT_EQ(parse_connection("203.0.113.7", "203.0.113.8")->address, kOther);
  EXPECT_FALSE(parse_connection("a..b", ""));
  EXPECT_FALSE(parse_connection("a.test:0", ""));
  EXPECT_FALSE(parse_connection("", ""));
  EXPECT_FALSE(parse_connection("a.test", "nowhere"));
}

}  // namespace
}  // namespace nxgate::store
