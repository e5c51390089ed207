#include "learn/proposal.h"

#include <string>

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "learn/learn_fixture.h"
#include "learn/proposal_json.h"
#include "learn/words.h"

namespace nxgate::learn {
namespace {

using testing::ElementsAre;

TEST(Proposal, IsSortedByRegisteredDomain) {
  EXPECT_THAT(rules_of({{"www.zeta.com"},
                        {"www.alpha.org"},
                        {"alpha.org"},
                        {"x.s3.amazonaws.com"},
                        {"sts.amazonaws.com"},
                        {"b.example.co.uk"}}),
              ElementsAre("=alpha.org", "=www.alpha.org", "=x.s3.amazonaws.com",
                          "=sts.amazonaws.com", "=b.example.co.uk", "=www.zeta.com"));
}

TEST(Proposal, GroupsWhatIsSetApart) {
  const Proposal proposal = propose(record_of({{"pypi.org"},
                                               {"pypi.org.a.example", Existence::kMissing},
                                               {"pypi.org.b.example", Existence::kMissing},
                                               {"gone.example.com", Existence::kMissing},
                                               {"time.google.com"}}));
  ASSERT_EQ(proposal.apart.size(), 4U);
  EXPECT_EQ(proposal.apart[0].kind, Kind::kTime);
  EXPECT_EQ(proposal.apart[1].search_domain, name_of("a.example"));
  EXPECT_EQ(proposal.apart[2].search_domain, name_of("b.example"));
  EXPECT_EQ(proposal.apart[3].kind, Kind::kMissing);
  EXPECT_EQ(proposal.names, 5U);
  EXPECT_EQ(proposal.queries, 5U);
}

TEST(Proposal, OfTheRootIsARule) { EXPECT_THAT(rules_of({{"."}}), ElementsAre("=.")); }

TEST(Proposal, AsJson) {
  const Proposal proposal = propose(
      record_of({{"pypi.org"}, {"gone.example.com", Existence::kMissing, "web", kNoon + 1}}));
  EXPECT_EQ(boost::json::serialize(to_json(proposal)),
            R"({"policy":"ci","first":1795435200,"last":1795435201,"queries":2,"names":2,)"
            R"("clients":2,"not_kept":0,"rules":[{"rule":"=pypi.org","domain":"pypi.org",)"
            R"("names":[{"name":"pypi.org","queries":1,"first":1795435200,"last":1795435200,)"
            R"("clients":["10.0.0.5"],"queries_of_others":0,"types":["A"],"ports":[]}]}],)"
            R"("apart":[{"kind":"missing","names":[{"name":"gone.example.com","queries":1,)"
            R"("first":1795435201,"last":1795435201,"clients":["web"],"queries_of_others":0,)"
            R"("types":["A"],"ports":[]}]}]})");
}

TEST(Words, HaveDatesInUtc) {
  EXPECT_EQ(utc_date(0), "1970-01-01");
  EXPECT_EQ(utc_date(kNoon), "2026-11-23");
  EXPECT_EQ(utc_date(Record::kLatest), "9999-12-31");
  EXPECT_EQ(utc_dates(kNoon, kNoon + 5), "2026-11-23");
}

TEST(Words, NameThreeClients) {
  const Seen seen{.name = name_of("a.example"),
                  .count = 9,
                  .first = kNoon,
                  .last = kNoon,
                  .clients = {"a", "b", "c", "d", "e"},
                  .from_others = 2};
  EXPECT_EQ(usage({&seen, 1}), "9 queries, 2026-11-23, by a, b, c and 2 more and others");
}

}  // namespace
}  // namespace nxgate::learn
