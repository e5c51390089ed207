#include "top/model.h"

#include <string>
#include <string_view>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "top/bounded_counter.h"

namespace nxgate::top {
namespace {

std::string event(std::string_view name, std::string_view client = "10.0.0.1",
                  std::string_view verdict = "denied") {
  return fmt::format(
      R"({{"client":"{}","name":"{}","type":"A","policy":"ci","verdict":"{}","rule":"default"}})",
      client, name, verdict);
}

TEST(Model, RanksDeniedNamesAndClients) {
  Model model;
  for (int i = 0; i < 3; ++i) model.add(event("b.test", "10.0.0.2"));
  model.add(event("a.test"));
  model.add(event("c.test", "10.0.0.1", "nodata"));
  for (int i = 0; i < 4; ++i) model.add(event("good.test", "10.0.0.1", "cached"));
  const auto names = model.names("", "");
  ASSERT_EQ(names.size(), 3U);
  EXPECT_EQ(names[0].last->name, "b.test");
  EXPECT_EQ(names[0].count, 3U);
  EXPECT_FALSE(names[0].or_more);
  EXPECT_EQ(names[0].last->client, "10.0.0.2");
  EXPECT_EQ(names[0].last->policy, "ci");
  EXPECT_EQ(names[1].last->name, "a.test") << "by name where the counts are the same";
  const auto clients = model.clients("");
  ASSERT_EQ(clients.size(), 2U);
  EXPECT_EQ(clients[0].client, "10.0.0.1");
  EXPECT_EQ(clients[0].asked, 6U);
  EXPECT_EQ(clients[0].denied, 2U);
}

TEST(Model, ShowsAPartAndOneClientAlone) {
  Model model;
  model.add(event("ads.test"));
  model.add(event("ads.test", "10.0.0.2"));
  model.add(event("x.test", "10.0.0.2"));
  EXPECT_EQ(model.names("ads", "").front().count, 2U);
  EXPECT_EQ(model.names("ads", "").size(), 1U);
  EXPECT_EQ(model.names("", "10.0.0.2").size(), 2U);
  EXPECT_EQ(model.names("ads", "10.0.0.2").front().count, 1U);
  EXPECT_EQ(model.clients("10.0.0.2").size(), 1U);
}

TEST(Model, CountsRefusedConnectionsApartFromQuestions) {
  constexpr std::string_view kConnection =
      R"({{"event":"connection","what":"{}","client":"10.0.0.1","server":"192.0.2.7:443",)"
      R"("verdict":"name-denied","rule":"default","policy":"ci"{}}})";
  const auto connection = [&](std::string_view what, std::string_view more) {
    return fmt::format(kConnection, what, more);
  };
  Model model;
  model.add(event("a.test"));
  for (int i = 0; i < 3; ++i) model.add(connection("denied", R"(,"name":"a.test")"));
  for (int i = 0; i < 2; ++i) model.add(connection("denied", ""));
  model.add(connection("opened", R"(,"name":"good.test")"));
  model.add(connection("ended", R"(,"name":"good.test")"));
  const auto names = model.names("", "10.0.0.1");
  ASSERT_EQ(names.size(), 3U);
  EXPECT_EQ(names[0].count, 3U);
  EXPECT_EQ(names[0].last->name, "a.test");
  EXPECT_EQ(names[0].last->rule, ":443 name-denied");
  EXPECT_EQ(names[0].last->server, "192.0.2.7:443");
  EXPECT_EQ(names[1].last->name, "192.0.2.7:443") << "where it gives no name";
  EXPECT_EQ(names[2].count, 1U);
  EXPECT_TRUE(names[2].last->server.empty());
  EXPECT_EQ(model.clients("").front().asked, 7U);
  EXPECT_EQ(model.clients("").front().denied, 6U);
}

TEST(Model, CallsAContainerByItsName) {
  Model model;
  model.add(R"({"client":"10.0.0.1","container":"web","name":"x.test","verdict":"denied"})");
  EXPECT_EQ(model.clients("").front().client, "web");
  EXPECT_TRUE(model.names("", "").front().last->policy.empty());
}

TEST(Model, PassesOverWhatIsNoEventAndCountsWhatWasMissed) {
  Model model;
  for (const char* line : {"", "{", "[]", "1", "{}", R"({"dropped":-1})", R"({"name":5})"}) {
    model.add(line);
  }
  EXPECT_TRUE(model.names("", "").empty());
  model.add(R"({"dropped":7})");
  model.miss(2);
  EXPECT_EQ(model.missed(), 9U);
  model.add(event("x.test"));
  model.reset();
  EXPECT_EQ(model.missed(), 0U);
  EXPECT_TRUE(model.names("", "").empty());
  EXPECT_TRUE(model.clients("").empty());
}

TEST(Model, HoldsNoControlCharacter) {
  Model model;
  model.add(R"({"client":"\u001b[2Jx","name":"a\u001b]0;\u0007","type":"A","verdict":"denied"})");
  const auto rows = model.names("", "");
  EXPECT_EQ(rows.front().last->name, "a\\x1b]0;\\x07");
  EXPECT_EQ(rows.front().last->client, "\\x1b[2Jx");
}

TEST(Model, IsBoundedAndKeepsWhatIsFrequent) {
  Model model(100);
  for (int i = 0; i < 10'000; ++i) {
    model.add(event(fmt::format("{}.random.test", i), fmt::format("10.0.{}.{}", i / 250, i % 250)));
    if (i % 10 == 0) model.add(event("often.test"));
  }
  EXPECT_EQ(model.names("random", "").size(), 99U);
  EXPECT_EQ(model.clients("").size(), 100U);
  const auto rows = model.names("", "");
  EXPECT_EQ(rows.front().last->name, "often.test");
  EXPECT_EQ(rows.front().count, 1000U);
}

TEST(BoundedCounter, NeverSaysMoreThanThereWas) {
  BoundedCounter<int> counter(2);
  counter.add("a");
  counter.add("a");
  counter.add("b");
  const auto& late = counter.add("c");
  EXPECT_EQ(counter.entries().size(), 2U);
  EXPECT_EQ(late.count, 2U);
  EXPECT_EQ(late.sure(), 1U);
  EXPECT_FALSE(counter.entries().contains("b"));
}

}  // namespace
}  // namespace nxgate::top
