#include "app/attached_policy.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/address.h"
#include "policy/local_data.h"
#include "policy/matcher.h"
#include "policy/policy.h"
#include "wire/name.h"

namespace nxgate::app {
namespace {

using policy::Verdict;

wire::DomainName name(const char* text) { return *wire::DomainName::from_text(text); }

Verdict verdict(const policy::Matcher& matcher, const wire::DomainName& of) {
  return matcher.match(wire::SuffixHashes(of, wire::process_hash_key())).verdict;
}

IpAddress address(const char* text) { return *IpAddress::parse(text); }

TEST(AttachedPolicy, ALabelsRulesAreSeparatedByCommas) {
  const auto narrowing = narrowing_of(" github.com, *.pypi.org ,=a.test", "web");
  EXPECT_EQ(verdict(*narrowing, name("api.github.com")), Verdict::kAllow);
  EXPECT_EQ(verdict(*narrowing, name("files.pypi.org")), Verdict::kAllow);
  EXPECT_NE(verdict(*narrowing, name("pypi.org")), Verdict::kAllow);
  EXPECT_EQ(verdict(*narrowing, name("b.a.test")), Verdict::kDeny);
}

TEST(AttachedPolicy, WhatIsNoRuleOpensNothing) {
  const auto narrowing = narrowing_of("http://github.com/,a.test", "web");
  EXPECT_EQ(verdict(*narrowing, name("github.com")), Verdict::kDeny);
  EXPECT_EQ(verdict(*narrowing, name("a.test")), Verdict::kAllow);
  EXPECT_EQ(verdict(*narrowing_of("", "web"), name("a.test")), Verdict::kDeny);
}

TEST(AttachedPolicy, NeighboursHaveAddressesAndReverseNames) {
  const auto neighbours = neighbours_of({{"db", {address("172.18.0.3"), address("fd00::3")}},
                                         {"db.app_net", {address("172.18.0.3")}}},
                                        {{address("172.18.0.3"), "db.app_net"}});
  const auto records = [&](const wire::DomainName& owner) {
    return neighbours->data.find(wire::SuffixHashes(owner, wire::process_hash_key())).size();
  };
  EXPECT_EQ(records(name("db")), 2);
  EXPECT_EQ(records(name("db.app_net")), 1);
  EXPECT_EQ(records(name("3.0.18.172.in-addr.arpa")), 1);
  EXPECT_EQ(verdict(neighbours->matcher, name("app_net")), Verdict::kAncestor)
      << "a name lies below it (RFC 8020)";
  EXPECT_EQ(verdict(neighbours->matcher, name("tired.com")), Verdict::kDeny);
  EXPECT_EQ(neighbours_of({}, {}), nullptr);
}

}  // namespace
}  // namespace nxgate::app
