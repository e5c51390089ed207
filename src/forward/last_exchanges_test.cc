#include "forward/last_exchanges.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "forward/forward_fixture.h"

namespace nxgate::forward {
namespace {

TEST(LastExchanges, FindsTheQuestionOfAGroupWhateverItsFlags) {
  LastExchanges memory;
  cache::Key key = key_of("a.test");
  EXPECT_FALSE(memory.find(key.question, kGroup));
  key.dnssec_ok = true;
  key.part = 9;
  memory.note(key, {.at = {}, .failure = UpstreamFailure::kTimeout, .server = {}, .said = {}});
  ASSERT_TRUE(memory.find(key.question, kGroup));
  EXPECT_EQ(memory.find(key.question, kGroup)->failure, UpstreamFailure::kTimeout);
  memory.note(key,
              {.at = {}, .failure = {}, .server = {}, .said = Said{wire::Rcode::kNxDomain, 15}});
  EXPECT_EQ(memory.find(key.question, kGroup)->said->extended_error, 15);
  EXPECT_FALSE(memory.find(key.question, kGroup + 1));
  key.question.type = wire::Type::kTxt;
  EXPECT_FALSE(memory.find(key.question, kGroup));
}

TEST(LastExchanges, ManyQuestionsTakeEachOthersPlaces) {
  LastExchanges memory;
  std::vector<cache::Key> keys;
  for (int i = 0; i < 10'000; ++i) {
    keys.push_back(key_of("n" + std::to_string(i) + ".test"));
    memory.note(keys.back(), {});
    ASSERT_TRUE(memory.find(keys.back().question, kGroup));
  }
  const auto found = std::ranges::count_if(
      keys, [&](const cache::Key& key) { return memory.find(key.question, kGroup).has_value(); });
  EXPECT_LE(found, 1024);
  EXPECT_GT(found, 512);
}

using LastOfForwarder = Forward;

TEST_F(LastOfForwarder, IsTheServerThatAnswered) {
  const ScriptedUpstream bad(failing);
  const ScriptedUpstream good(answering);
  use({&bad, &good});
  (void)ask(key_of("a.test"));
  const auto last = shared_.last_exchanges.find(key_of("a.test").question, kGroup);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->failure, UpstreamFailure::kNone);
  EXPECT_EQ(last->server.endpoint, RemoteEndpoint(good.endpoint()));
  EXPECT_EQ(last->said->rcode, wire::Rcode::kNoError);
  EXPECT_FALSE(shared_.last_exchanges.find(key_of("b.test").question, kGroup));
}

TEST_F(LastOfForwarder, IsWhatTheServerSaidInsteadOfAnAnswer) {
  const ScriptedUpstream bad(failing);
  use({&bad});
  (void)ask(key_of("a.test"));
  const auto last = shared_.last_exchanges.find(key_of("a.test").question, kGroup);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->failure, UpstreamFailure::kBadAnswer);
  EXPECT_EQ(last->said->rcode, wire::Rcode::kServFail);
}

TEST_F(LastOfForwarder, IsTheServerThatWasSilent) {
  const ScriptedUpstream quiet(silent);
  use({&quiet});
  (void)ask(key_of("a.test"));
  const auto last = shared_.last_exchanges.find(key_of("a.test").question, kGroup);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->failure, UpstreamFailure::kTimeout);
  EXPECT_EQ(last->server.endpoint, RemoteEndpoint(quiet.endpoint()));
  EXPECT_FALSE(last->said);
}

}  // namespace
}  // namespace nxgate::forward
