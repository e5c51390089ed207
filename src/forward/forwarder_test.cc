#include "forward/forwarder.h"

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "forward/forward_fixture.h"
#include "forward/scripted_upstream.h"

namespace nxgate::forward {
namespace {

TEST_F(Forward, AnswersAndFillsTheCache) {
  const ScriptedUpstream upstream(answering);
  use({&upstream});
  const cache::Key key = key_of("www.example");
  const UpstreamResult result = ask(key);
  ASSERT_TRUE(result.answer);
  EXPECT_EQ(result.answer->answers, 1);
  EXPECT_EQ(result.answer->ttl, 60U);
  EXPECT_EQ(cache_.find(key, Clock::now()), result.answer);
  EXPECT_EQ(upstream.seen().size(), 1U);
}

TEST_F(Forward, ServFailGoesToTheNextServer) {
  const ScriptedUpstream bad(failing);
  const ScriptedUpstream good(answering);
  use({&bad, &good});
  EXPECT_TRUE(ask(key_of("www.example")).answer);
  EXPECT_LT(took_, Milliseconds(150));
  EXPECT_EQ(bad.seen().size(), 1U);
}

TEST_F(Forward, SilenceGoesToTheNextServerAndIsLearnt) {
  const ScriptedUpstream quiet(silent);
  const ScriptedUpstream good(answering);
  use({&quiet, &good});
  EXPECT_TRUE(ask(key_of("a.example")).answer);
  EXPECT_GE(took_, Milliseconds(150));
  EXPECT_LT(took_, Milliseconds(500));
  for (const char* name : {"b.example", "c.example", "d.example"}) {
    EXPECT_TRUE(ask(key_of(name)).answer);
    EXPECT_LT(took_, Milliseconds(100)) << name;
  }
}

TEST_F(Forward, SilentGroupIsRememberedAndFoundAgain) {
  ScriptedUpstream upstream(silent);
  use({&upstream});
  EXPECT_EQ(failure_of("a.example"), UpstreamFailure::kTimeout);
  EXPECT_GE(took_, Milliseconds(500));
  EXPECT_LT(took_, Milliseconds(900));
  EXPECT_EQ(upstream.seen().size(), 3U);  // the question, its one repetition, and the check
  for (const char* name : {"a.example", "b.example"}) {
    EXPECT_EQ(failure_of(name), UpstreamFailure::kRemembered);
    EXPECT_LT(took_, Milliseconds(10));
  }
  upstream.script(answering);
  run_for(Milliseconds(2500));  // probes
  EXPECT_TRUE(ask(key_of("b.example")).answer);
  EXPECT_TRUE(ask(key_of("a.example")).answer) << "recovery forgets older failures";
}

TEST_F(Forward, ALostPacketIsRepeatedAndALateAnswerStillCounts) {
  std::optional<Packet> first;
  const ScriptedUpstream lossy([&](const Seen& seen) {
    const bool repeated = first.has_value();
    first = seen.query;
    return repeated ? answering(seen) : Replies{};
  });
  use({&lossy});
  EXPECT_TRUE(ask(key_of("www.example")).answer);
  EXPECT_LT(took_, Milliseconds(400));
  const auto seen = lossy.seen();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_NE(seen[0].client_port, seen[1].client_port);

  const ScriptedUpstream slow([](const Seen& seen_late) {
    std::this_thread::sleep_for(Milliseconds(300));
    return answering(seen_late);
  });
  forwarder_.reset();
  shared_.health.of(snapshots_->load()->groups[0])->server(0).reached(Clock::now());
  use({&slow});
  EXPECT_TRUE(ask(key_of("late.example")).answer);
  EXPECT_LT(took_, Milliseconds(450));
}

TEST_F(Forward, OneSlowNameDoesNotTakeAServerOut) {
  const ScriptedUpstream upstream([](const Seen& seen) {
    return (seen.query[13] | 0x20) == 's' ? Replies{} : answering(seen);
  });
  use({&upstream}, Milliseconds(300));
  EXPECT_TRUE(ask(key_of("fast.example")).answer);
  EXPECT_EQ(failure_of("slow.example"), UpstreamFailure::kTimeout);
  EXPECT_TRUE(ask(key_of("other.example")).answer);
}

TEST_F(Forward, ADeadNameDoesNotTakeAServerOut) {
  const ScriptedUpstream upstream([](const Seen& seen) {
    const bool dead = seen.query[12] == 4 && (seen.query[13] | 0x20) == 'd';
    return dead ? Replies{} : answering(seen);
  });
  use({&upstream}, Milliseconds(300));
  for (const char* name : {"dead.a", "dead.b", "dead.c", "dead.d"}) {
    EXPECT_EQ(failure_of(name), UpstreamFailure::kTimeout) << name;
    EXPECT_TRUE(ask(key_of(std::string("good.") + name)).answer);
  }
}

TEST_F(Forward, RefusedTcpDoesNotTakeAServerOutThatAnswersOverUdp) {
  ScriptedUpstream upstream(
      [](const Seen& seen) { return Replies{empty_reply(seen.query, kTruncatedFlag)}; }, false);
  use({&upstream});
  for (const char* name : {"a.example", "b.example", "c.example", "d.example"}) {
    EXPECT_EQ(failure_of(name), UpstreamFailure::kUnreachable) << name;
  }
  upstream.script(answering);
  EXPECT_TRUE(ask(key_of("e.example")).answer);
}

TEST_F(Forward, IdenticalQuestionsAreAskedOnce) {
  const ScriptedUpstream upstream([](const Seen& seen) {
    std::this_thread::sleep_for(Milliseconds(50));
    return answering(seen);
  });
  use({&upstream});
  int answered = 0;
  for (int i = 0; i < 100; ++i) {
    forwarder_->submit(key_of("www.example"), client_, [&](const UpstreamResult& result) {
      if (result.answer) ++answered;
    });
  }
  run_for(Milliseconds(300));
  EXPECT_EQ(answered, 100);
  EXPECT_EQ(upstream.seen().size(), 1U);
  EXPECT_EQ(shared_.in_flight.questions().taken(), 0U);
}

TEST_F(Forward, WorkersShareAnExchange) {
  const ScriptedUpstream upstream([](const Seen& seen) {
    std::this_thread::sleep_for(Milliseconds(100));
    return answering(seen);
  });
  use({&upstream});
  std::atomic<int> answered{0};
  std::thread other_worker([&] {
    boost::asio::io_context loop(1);
    Forwarder forwarder(loop, shared_, *snapshots_, cache_);
    const auto stay = boost::asio::make_work_guard(loop);
    const auto self = std::this_thread::get_id();
    for (int i = 0; i < 10; ++i) {
      forwarder.submit(key_of("www.example"), client_, [&, self](const UpstreamResult& result) {
        if (result.answer && std::this_thread::get_id() == self) ++answered;
      });
    }
    loop.run_for(Milliseconds(500));
  });
  EXPECT_TRUE(ask(key_of("www.example")).answer);
  run_for(Milliseconds(500));
  other_worker.join();
  EXPECT_EQ(answered, 10);
  EXPECT_EQ(upstream.seen().size(), 1U);
}

TEST_F(Forward, GoneOrEmptyGroupsHaveNoServers) {
  use(snapshot_of({}, Milliseconds(100)));
  EXPECT_EQ(failure_of("www.example"), UpstreamFailure::kNoServers);
  cache::Key key = key_of("www.example");
  key.group = kGroup + 1;
  EXPECT_EQ(ask(key).failure, UpstreamFailure::kNoServers);
}

TEST_F(Forward, CanBeTornDownAtAnyMoment) {
  const ScriptedUpstream quiet(silent);
  use({&quiet});
  bool called = false;
  for (const char* name : {"a.example", "b.example"}) {
    forwarder_->submit(key_of(name), client_, [&](const UpstreamResult&) { called = true; });
  }
  run_for(Milliseconds(50));
  forwarder_.reset();
  EXPECT_FALSE(called);
  EXPECT_EQ(shared_.in_flight.questions().taken(), 0U);
}

TEST_F(Forward, AClientQuestionCostsAtMostSixPackets) {
  const auto truncate = [](const Seen& seen) {
    return seen.tcp ? Replies{} : Replies{empty_reply(seen.query, kTruncatedFlag)};
  };
  std::array<std::unique_ptr<ScriptedUpstream>, 5> upstreams;
  std::vector<const ScriptedUpstream*> all;
  for (auto& upstream : upstreams) {
    upstream = std::make_unique<ScriptedUpstream>(truncate);
    all.push_back(upstream.get());
  }
  use(all);
  EXPECT_FALSE(ask(key_of("www.example")).answer);
  std::size_t packets = 0;
  for (const auto& upstream : upstreams) packets += upstream->seen().size();
  EXPECT_LE(packets, 6U);
}

}  // namespace
}  // namespace nxgate::forward
