// An upstream's alias alone, and how the engine completes it.
#include "engine/chain.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/engine_fixture.h"

namespace nxgate::engine {
namespace {

class OpenChain : public EngineTest {
 protected:
  /// `qname CNAME target`, and nothing of the target.
  std::shared_ptr<cache::Answer> alias_answer(const cache::Key& key, std::string_view target) {
    std::vector<std::uint8_t> body{0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 0};
    const wire::DomainName to = name(target);
    body.back() = static_cast<std::uint8_t>(to.wire().size());
    body.insert(body.end(), to.wire().begin(), to.wire().end());
    auto answer = cache::new_answer(body, std::array<std::uint16_t, 1>{6}, std::array{to});
    answer->key = key;
    answer->answers = 1;
    answer->negative = answer->open = true;
    answer->stored = now;
    answer->ttl = 60;
    return answer;
  }
  void reply_last(std::shared_ptr<const cache::Answer> answer) {
    UpstreamCallback done = std::move(upstream.waiting.back());
    done({std::move(answer), {}});
  }
};

TEST_F(OpenChain, IsCompletedByAQuestionForItsEnd) {
  use({.allow = {"x.test"}});
  ask("x.test");
  reply_last(alias_answer(upstream.asked[0], "a.cdn.test"));
  ASSERT_EQ(upstream.asked.size(), 2U);
  EXPECT_EQ(upstream.asked[1].question.name, name("a.cdn.test"));
  EXPECT_TRUE(late.bytes.empty()) << "nothing is told halfway";
  reply_last(address_answer(upstream.asked[1]));
  EXPECT_EQ(late.answers(), 2);
  EXPECT_TRUE(late.contains("\x09\x09\x09\x09"));
  ask("a.cdn.test");
  EXPECT_EQ(disposition, Disposition::kPending) << "its end is granted";
}

TEST_F(OpenChain, IsCompletedFromTheCache) {
  use({.allow = {"x.test", "cdn.test"}});
  ask("a.cdn.test");
  cache.insert(address_answer(upstream.asked[0]));
  ask("x.test");
  const auto open = alias_answer(upstream.asked[1], "a.cdn.test");
  cache.insert(open);
  reply_last(open);
  EXPECT_EQ(late.answers(), 2);
  late = {};
  ask("x.test");
  EXPECT_EQ(late.answers(), 2);
  EXPECT_EQ(upstream.asked.size(), 2U) << "both are known";
}

TEST_F(OpenChain, EndsAfterEightLinks) {
  use({.allow = {"x.test"}});
  ask("x.test");
  for (int link = 0; late.bytes.empty() && link < 20; ++link) {
    reply_last(alias_answer(upstream.asked.back(), "n" + std::to_string(link) + ".cdn.test"));
  }
  EXPECT_EQ(late.rcode(), Rcode::kServFail);
  EXPECT_EQ(upstream.asked.size(), 1U + Chain::kMostLinks);
}

TEST_F(OpenChain, ThatLoopsIsAFailure) {
  use({.allow = {"x.test"}});
  ask("x.test");
  reply_last(alias_answer(upstream.asked.back(), "a.cdn.test"));
  reply_last(alias_answer(upstream.asked.back(), "x.test"));
  EXPECT_EQ(late.rcode(), Rcode::kServFail);
  EXPECT_EQ(upstream.asked.size(), 2U);
}

TEST_F(OpenChain, LeadsToNoNameThatARuleDenies) {
  use({.allow = {"x.test"}, .deny = {"cdn.test"}});
  ask("x.test");
  reply_last(alias_answer(upstream.asked.back(), "a.cdn.test"));
  EXPECT_EQ(late.rcode(), Rcode::kNxDomain);
  EXPECT_EQ(upstream.asked.size(), 1U);
}

TEST_F(OpenChain, WhoseEndFailsIsAFailure) {
  use({.allow = {"x.test"}});
  ask("x.test");
  reply_last(alias_answer(upstream.asked.back(), "a.cdn.test"));
  UpstreamCallback done = std::move(upstream.waiting.back());
  done({nullptr, UpstreamFailure::kTimeout});
  EXPECT_EQ(late.rcode(), Rcode::kServFail);
}

}  // namespace
}  // namespace nxgate::engine
