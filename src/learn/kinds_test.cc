#include "learn/kinds.h"

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "learn/learn_fixture.h"
#include "learn/record.h"

namespace nxgate::learn {
namespace {

using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

Kind kind(std::string_view name, Existence outcome = Existence::kExists, Ports ports = {}) {
  return kind_of(name_of(name), {.outcome = outcome, .ports = std::move(ports)}, false);
}

TEST(Kinds, SetNoiseApart) {
  EXPECT_EQ(kind("deb.debian.org"), Kind::kWanted);
  EXPECT_EQ(kind("5.0.0.10.in-addr.arpa"), Kind::kReverse);
  EXPECT_EQ(kind("5.0.0.10.in-addr.arpa", Existence::kMissing), Kind::kReverse);
  EXPECT_EQ(kind("8.b.d.0.1.0.0.2.ip6.arpa"), Kind::kReverse);
  EXPECT_EQ(kind("ipv4only.arpa"), Kind::kWanted);
  EXPECT_EQ(kind("_mongodb._tcp.db.example.com"), Kind::kService);
  EXPECT_EQ(kind("_dmarc.example.com", Existence::kMissing), Kind::kMissing);
  EXPECT_EQ(kind("gone.example.com", Existence::kMissing), Kind::kMissing);
  EXPECT_EQ(kind("slow.example.com", Existence::kFailed), Kind::kFailed);
}

TEST(Kinds, KnowTimeServers) {
  for (const char* name :
       {"0.debian.pool.ntp.org", "pool.ntp.org", "ntp.ubuntu.com", "ntp1.t-online.de",
        "ntp-fra.example.com", "time.google.com", "time3.google.com", "time-a-g.nist.gov"}) {
    EXPECT_EQ(kind(name), Kind::kTime) << name;
  }
  for (const char* name : {"www.ntp.org", "time", "timeline.example.com", "times.example.com",
                           "time-tracker.example.com", "example.time"}) {
    EXPECT_EQ(kind(name), Kind::kWanted) << name;
  }
  EXPECT_EQ(kind("time.example.com", Existence::kExists, {{IPPROTO_UDP, 123}}), Kind::kTime);
  EXPECT_EQ(kind("time.example.com", Existence::kExists, {{IPPROTO_TCP, 443}}), Kind::kWanted);
}

TEST(Kinds, KnowWhatNoRuleCanSay) {
  for (const char* name : {"10.0.0.1", "*.example.com", "a#b.example.com", "a:80.example.com",
                           "=a.example.com", "a,b.example.com"}) {
    EXPECT_EQ(kind(name), Kind::kUnwritable) << name;
  }
  EXPECT_EQ(kind(R"(a\032b.example.com)"), Kind::kWanted);
}

std::map<std::string, std::string> search_domains(std::initializer_list<Asked> all) {
  const Record record = record_of(all);
  const auto names = record.names();
  const auto found = find_search_domains(record, names);
  std::map<std::string, std::string> by_name;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (found[i]) by_name[names[i].name.to_text()] = found[i]->to_text();
  }
  return by_name;
}

TEST(SearchDomains, OfKubernetes) {
  EXPECT_THAT(
      search_domains({{"api.github.com"},
                      {"api.github.com.ci.svc.cluster.local", Existence::kMissing},
                      {"api.github.com.svc.cluster.local", Existence::kMissing},
                      {"api.github.com.cluster.local", Existence::kMissing}}),
      UnorderedElementsAre(Pair("api.github.com.ci.svc.cluster.local", "ci.svc.cluster.local"),
                           Pair("api.github.com.svc.cluster.local", "svc.cluster.local"),
                           Pair("api.github.com.cluster.local", "cluster.local")));
}

TEST(SearchDomains, WithNamesOfItsOwnNeedTwo) {
  EXPECT_THAT(search_domains({{"git.corp.example"},
                              {"deb.debian.org"},
                              {"deb.debian.org.corp.example", Existence::kMissing}}),
              IsEmpty());
  EXPECT_THAT(search_domains({{"git.corp.example"},
                              {"deb.debian.org"},
                              {"pypi.org"},
                              {"deb.debian.org.corp.example", Existence::kMissing},
                              {"pypi.org.corp.example", Existence::kMissing}}),
              UnorderedElementsAre(Pair("deb.debian.org.corp.example", "corp.example"),
                                   Pair("pypi.org.corp.example", "corp.example")));
}

TEST(SearchDomains, AreBehindNamesThatNeverExistedOnly) {
  EXPECT_THAT(
      search_domains({{"www"}, {"www.example.com"}, {"gone.example.com", Existence::kMissing}}),
      IsEmpty());
}

}  // namespace
}  // namespace nxgate::learn
