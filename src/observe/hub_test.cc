#include "observe/hub.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
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
  engine::Observer& worker = hub.observer(0);
  EXPECT_FALSE(worker.interested());
  const auto all = hub.open(filter_of({}));
  Selection selection;
  select_client(selection, "192.0.2.0/29");
  selection.name = wire::DomainName::from_text("test").value();
  auto some = hub.open(filter_of(selection));
  EXPECT_FALSE(worker.interested()) << "it looks once a batch";
  worker.refresh();
  EXPECT_TRUE(worker.interested());
  worker.saw(event_for("a.test"));
  worker.saw(event_for("a.example"));
  worker.saw(event_for("b.test", "192.0.2.9"));
  EXPECT_EQ(all->take().size(), 3U);
  EXPECT_TRUE(all->take().empty());
  const auto chosen = some->take();
  ASSERT_EQ(chosen.size(), 1U);
  EXPECT_EQ(chosen[0].question.name.to_text(), "a.test");
  some.reset();
  EXPECT_EQ(hub.taps(), 1U);
}

TEST(Hub, DropsWhatATapCannotHold) {
  Hub hub(2);
  auto tap = hub.open(filter_of({}), 10);
  for (const std::size_t worker : {0U, 1U}) hub.observer(worker).refresh();
  std::jthread one([&hub] {
    for (int i = 0; i < 1000; ++i) hub.observer(0).saw(event_for("a.test"));
  });
  for (int i = 0; i < 1000; ++i) hub.observer(1).saw(event_for("b.test"));
  one.join();
  EXPECT_EQ(tap->take(15).size(), 15U);
  EXPECT_EQ(tap->take(15).size(), 5U) << "10 of each";
  EXPECT_EQ(tap->take_dropped(), 1980U);
  EXPECT_EQ(tap->take_dropped(), 0U);
  EXPECT_EQ(hub.dropped(), 1980U);
  hub.observer(0).saw(event_for("c.test"));
  EXPECT_EQ(tap->take().size(), 1U);
  tap.reset();
  EXPECT_EQ(hub.dropped(), 1980U);
}

TEST(Hub, TakesInTheOrderOfAnswers) {
  Hub hub(2);
  const auto tap = hub.open(filter_of({}));
  for (const std::size_t worker : {0U, 1U}) hub.observer(worker).refresh();
  const Instant now = Clock::now();
  const auto saw = [&](std::size_t worker, const char* name, Instant when) {
    engine::Event event = event_for(name);
    event.concluded = when;
    hub.observer(worker).saw(event);
  };
  saw(0, "a.test", now);
  saw(0, "d.test", now + Seconds(3600));
  saw(1, "b.test", now - Seconds(2));
  saw(1, "c.test", now - Seconds(1));
  std::string names;
  for (const engine::Event& event : tap->take()) names += event.question.name.to_text() + ' ';
  EXPECT_EQ(names, "b.test c.test a.test ") << "what comes later is for the next time";
}

TEST(Hub, ClosesATapWhileWorkersAnswer) {
  Hub hub(2);
  std::vector<std::jthread> workers;
  for (const std::size_t worker : {0U, 1U}) {
    workers.emplace_back([&hub, worker](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        hub.observer(worker).refresh();
        for (int i = 0; i < 16; ++i) hub.observer(worker).saw(event_for("a.test"));
      }
    });
  }
  std::size_t taken = 0;
  for (int i = 0; i < 200 || taken == 0; ++i) {
    const auto tap = hub.open(filter_of({}), 64, i % 2 == 0 ? 0 : 64);
    std::this_thread::yield();
    taken += tap->take().size();
  }
  EXPECT_EQ(hub.taps(), 0U);
}

TEST(Hub, HoldsNoSnapshotForATapThatWasClosed) {
  Hub hub;
  engine::Observer& worker = hub.observer(0);
  auto tap = hub.open(filter_of({}));
  worker.refresh();
  const auto snapshot = std::make_shared<const engine::Snapshot>(
      engine::Snapshot{.policies = policy::PolicySet({}, {}, policy::PolicySet::kNone),
                       .groups = {},
                       .options = {}});
  engine::Event event = event_for("a.test");
  event.snapshot = snapshot;
  worker.saw(event);
  event.snapshot = nullptr;
  EXPECT_EQ(snapshot.use_count(), 2);
  tap.reset();
  EXPECT_EQ(snapshot.use_count(), 1);
  event.snapshot = snapshot;
  worker.saw(event);  // before it has looked again
  event.snapshot = nullptr;
  worker.refresh();
  EXPECT_EQ(snapshot.use_count(), 1);
}

TEST(Hub, KeepsMessagesForWhoAsksForThem) {
  Hub hub;
  engine::Observer& worker = hub.observer(0);
  const auto without = hub.open(filter_of({}));
  worker.refresh();
  EXPECT_FALSE(worker.wants_messages());
  auto with = hub.open(filter_of({}), 10, 8);
  worker.refresh();
  EXPECT_TRUE(worker.wants_messages());
  {
    const std::vector<std::uint8_t> query{1, 2, 3};
    const std::vector<std::uint8_t> reply{4, 5};
    engine::Event event = event_for("a.test");
    event.query = query;
    event.reply = reply;
    worker.saw(event);
    worker.saw(event);  // more bytes than there is room for
  }
  const auto bare = without->take();
  ASSERT_EQ(bare.size(), 2U);
  EXPECT_TRUE(bare[0].query.empty() && bare[0].reply.empty());
  const auto whole = with->take();
  ASSERT_EQ(whole.size(), 1U);
  EXPECT_THAT(whole[0].query, testing::ElementsAre(1, 2, 3));
  EXPECT_THAT(whole[0].reply, testing::ElementsAre(4, 5));
  EXPECT_EQ(with->take_dropped(), 1U);
  worker.saw(event_for("b.test"));
  EXPECT_EQ(with->take().size(), 1U);
  with.reset();
  worker.refresh();
  EXPECT_FALSE(worker.wants_messages());
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
