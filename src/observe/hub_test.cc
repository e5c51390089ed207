#include "observe/hub.h"

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/observer.h"
#include "engine/snapshot.h"
#include "observe/choice.h"
#include "observe/event_json.h"
#include "observe/filter.h"
#include "policy/policy.h"

namespace nxgate::observe {
namespace {

engine::Event event_for(const char* name, const char* client = "192.0.2.7") {
  engine::Event event;
  event.question = {wire::DomainName::from_text(name).value(), wire::Type::kA, wire::Class::kIn};
  event.client.address = IpAddress::parse(client).value();
  event.answered = true;
  event.rcode = wire::Rcode::kNxDomain;
  return event;
}

TEST(Hub, GivesEachTapWhatItWants) {
  Hub hub;
  EXPECT_FALSE(hub.interested());
  const auto all = hub.open(filter_of({}));
  Selection selection;
  select_client(selection, "192.0.2.0/29");
  selection.name = wire::DomainName::from_text("test").value();
  auto some = hub.open(filter_of(selection));
  EXPECT_TRUE(hub.interested());
  hub.saw(event_for("a.test"));
  hub.saw(event_for("a.example"));
  hub.saw(event_for("b.test", "192.0.2.9"));
  EXPECT_EQ(all->take().size(), 3U);
  EXPECT_TRUE(all->take().empty());
  const auto chosen = some->take();
  ASSERT_EQ(chosen.size(), 1U);
  EXPECT_EQ(chosen[0].question.name.to_text(), "a.test");
  some.reset();
  EXPECT_EQ(hub.taps(), 1U);
}

TEST(Hub, DropsWhatATapCannotHold) {
  Hub hub;
  const auto tap = hub.open(filter_of({}), 10);
  std::jthread one([&hub] {
    for (int i = 0; i < 1000; ++i) hub.saw(event_for("a.test"));
  });
  for (int i = 0; i < 1000; ++i) hub.saw(event_for("b.test"));
  one.join();
  EXPECT_EQ(tap->take().size(), 10U);
  EXPECT_EQ(tap->take_dropped(), 1990U);
  EXPECT_EQ(tap->take_dropped(), 0U);
  EXPECT_EQ(hub.dropped(), 1990U);
  hub.saw(event_for("c.test"));
  EXPECT_EQ(tap->take().size(), 1U);
}

TEST(Hub, KeepsMessagesForWhoAsksForThem) {
  Hub hub;
  const auto without = hub.open(filter_of({}));
  EXPECT_FALSE(hub.wants_messages());
  auto with = hub.open(filter_of({}), 10, 8);
  EXPECT_TRUE(hub.wants_messages());
  {
    const std::vector<std::uint8_t> query{1, 2, 3};
    const std::vector<std::uint8_t> reply{4, 5};
    engine::Event event = event_for("a.test");
    event.query = query;
    event.reply = reply;
    hub.saw(event);
    hub.saw(event);  // more bytes than there is room for
  }
  const auto bare = without->take();
  ASSERT_EQ(bare.size(), 2U);
  EXPECT_TRUE(bare[0].query.empty() && bare[0].reply.empty());
  const auto whole = with->take();
  ASSERT_EQ(whole.size(), 1U);
  EXPECT_THAT(whole[0].query, testing::ElementsAre(1, 2, 3));
  EXPECT_THAT(whole[0].reply, testing::ElementsAre(4, 5));
  EXPECT_EQ(with->take_dropped(), 1U);
  hub.saw(event_for("b.test"));
  EXPECT_EQ(with->take().size(), 1U);
  with.reset();
  EXPECT_FALSE(hub.wants_messages());
}

TEST(EventJson, EscapesWhatClientsChose) {
  const std::string line = to_json(event_for("a\\\"\\010b.test"));
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_NE(line.find("prohibited"), std::string::npos);
  EXPECT_NE(to_json(event_for("a.test"), "0123").find("\"client\":\"0123\""), std::string::npos);
}

TEST(Choice, RemembersWhatWasSeen) {
  Choice choice({.which = LoggedQueries::kFirstSeen, .skip = {}});
  EXPECT_TRUE(choice.takes(event_for("a.test")));
  EXPECT_FALSE(choice.takes(event_for("a.test")));
  EXPECT_TRUE(choice.takes(event_for("a.test", "192.0.2.8")));
}

}  // namespace
}  // namespace nxgate::observe
