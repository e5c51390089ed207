#include "cache/cache.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace nxgate::cache {
namespace {

const Instant kStart = Clock::now();

Key key(const std::string& text, bool dnssec_ok = false) {
  const auto name = wire::DomainName::from_text(text);
  return {.question = {*name, wire::Type::kA, wire::Class::kIn},
          .hash = wire::hash_of(*name, wire::process_hash_key()),
          .group = 1,
          .dnssec_ok = dnssec_ok};
}

std::shared_ptr<Answer> answer(const Key& filed_under, std::uint32_t ttl,
                               std::size_t body_size = 16) {
  auto made = new_answer(std::vector<std::uint8_t>(body_size), {}, {});
  made->key = filed_under;
  made->stored = kStart;
  made->ttl = ttl;
  return made;
}

TEST(Cache, FindsWhatWasFiledUnderTheSameKeyOnly) {
  Cache cache({});
  cache.insert(answer(key("a.example"), 60));
  EXPECT_NE(cache.find(key("a.example"), kStart), nullptr);
  EXPECT_EQ(cache.find(key("b.example"), kStart), nullptr);
  EXPECT_EQ(cache.find(key("a.example", true), kStart), nullptr);
  Key checking = key("a.example");
  checking.checking_disabled = true;
  EXPECT_EQ(cache.find(checking, kStart), nullptr);
  Key other_group = key("a.example");
  other_group.group = 2;
  EXPECT_EQ(cache.find(other_group, kStart), nullptr);
}

TEST(Cache, StaleAnswersLastForTheirLimitOnly) {
  Cache cache({.stale = 100});
  cache.insert(answer(key("a.example"), 60));
  const auto stale = cache.find(key("a.example"), kStart + Seconds(159));
  ASSERT_NE(stale, nullptr);
  EXPECT_GE(elapsed_seconds(*stale, kStart + Seconds(159)), stale->ttl);
  EXPECT_EQ(cache.find(key("a.example"), kStart + Seconds(160)), nullptr);
  EXPECT_EQ(cache.size(), 0U);
}

TEST(Cache, TtlZeroIsNotKept) {
  Cache cache({});
  cache.insert(answer(key("a.example"), 0));
  EXPECT_EQ(cache.size(), 0U);
}

TEST(Cache, NewAnswerReplacesTheOld) {
  Cache cache({});
  cache.insert(answer(key("a.example"), 60));
  cache.insert(answer(key("a.example"), 90));
  EXPECT_EQ(cache.size(), 1U);
  EXPECT_EQ(cache.find(key("a.example"), kStart)->ttl, 90U);
}

TEST(Cache, StaysWithinItsBytesAndSparesWhatIsHit) {
  Cache cache({.bytes = 1 << 20});
  cache.insert(answer(key("popular.example"), 60));
  for (int i = 0; i < 20000; ++i) {
    cache.insert(answer(key("once-" + std::to_string(i) + ".example"), 60, 200));
    ASSERT_NE(cache.find(key("popular.example"), kStart), nullptr) << i;
  }
  EXPECT_LE(cache.bytes(), 1U << 20);
  EXPECT_GT(cache.size(), 500U);
}

/// How many of `mine`'s answers outlive those of another client, which fill the cache many times.
int left_of(ClientKey mine, ClientKey other) {
  Cache cache({.bytes = 1 << 20});
  const auto name = [](int i) { return key("mine-" + std::to_string(i) + ".example"); };
  for (int i = 0; i < 200; ++i) cache.insert(answer(name(i), 60), mine);
  for (int i = 0; i < 20000; ++i) {
    cache.insert(answer(key("other-" + std::to_string(i) + ".example"), 60), other);
  }
  EXPECT_LE(cache.bytes(), 1U << 20);
  EXPECT_GT(cache.evictions(), 10000U);
  int left = 0;
  for (int i = 0; i < 200; ++i) left += cache.find(name(i), kStart) != nullptr;
  return left;
}

TEST(Cache, AClientPushesOutItsOwnAnswers) {
  EXPECT_EQ(left_of({1}, {1}), 0);
  int left = 0;
  for (std::uint64_t client = 2; client < 12; ++client) left += left_of({1}, {client});
  EXPECT_GT(left, 10 * 180) << "31 of 32 are expected to be left";
}

TEST(Cache, AnswerLargerThanAShardIsNotKept) {
  Cache cache({.bytes = 1 << 20});
  cache.insert(answer(key("large.example"), 60, 1 << 16));
  EXPECT_EQ(cache.size(), 0U);
}

TEST(Cache, ManyThreadsMayUseIt) {
  Cache cache({.bytes = 1 << 18});
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&cache, t] {
      for (int i = 0; i < 3000; ++i) {
        const Key at = key(std::to_string((i * 7 + t) % 500) + ".example");
        if (const auto found = cache.find(at, kStart)) {
          ASSERT_EQ(found->key, at);
        } else {
          cache.insert(answer(at, 60, 100));
        }
      }
    });
  }
  threads.clear();
  EXPECT_LE(cache.bytes(), 1U << 18);
}

TEST(MakeAnswer, CapsAndRaisesEveryTtl) {
  auto scrubbed = std::make_unique<wire::ScrubbedAnswer>();
  scrubbed->ttl = 5;
  scrubbed->bytes = {0, 0, 0, 5, 0, 0xff, 0, 0, 0, 0, 0, 0};
  scrubbed->size = 12;
  scrubbed->offsets = {0, 4, 8};
  scrubbed->offset_count = 3;
  const Limits limits{.least_ttl = 30, .most_ttl = 0x100};
  const auto made = make_answer(key("a.example"), *scrubbed, limits, kStart);
  EXPECT_EQ(made->ttl, 30U);
  EXPECT_TRUE(std::ranges::equal(made->body,
                                 std::vector<std::uint8_t>{0, 0, 0, 30, 0, 0, 1, 0, 0, 0, 0, 0}));
}

TEST(MakeAnswer, NegativeAnswersHaveACapOfTheirOwn) {
  auto scrubbed = std::make_unique<wire::ScrubbedAnswer>();
  scrubbed->negative = true;
  scrubbed->ttl = 7200;
  const auto made = make_answer(key("a.example"), *scrubbed, {.most_negative_ttl = 600}, kStart);
  EXPECT_EQ(made->ttl, 600U);
}

}  // namespace
}  // namespace nxgate::cache
