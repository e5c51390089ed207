// How long a question is waited for, and what becomes of an answer that comes later.
#include <thread>

#include <gtest/gtest.h>

#include "forward/forward_fixture.h"
#include "forward/scripted_upstream.h"

namespace nxgate::forward {
namespace {

bool asks_for(const Seen& seen, char first_letter) {
  return seen.query[12] != 0 && (seen.query[13] | 0x20) == first_letter;
}

/// One question at a time, each after that time.
ScriptedUpstream::Script answering_after(Milliseconds time) {
  return [time](const Seen& seen) {
    std::this_thread::sleep_for(time);
    return answering(seen);
  };
}

TEST_F(Forward, AServerThatIsAliveHasTheWholeTimeout) {
  ScriptedUpstream upstream(
      [](const Seen& seen) { return asks_for(seen, 's') ? Replies{} : answering(seen); });
  use({&upstream}, Milliseconds(2000));
  EXPECT_EQ(failure_of("slow.example"), UpstreamFailure::kTimeout);
  EXPECT_GE(took_, Milliseconds(1900));
  EXPECT_TRUE(ask(key_of("fast.example")).answer) << "the name is dead, not the server";
}

TEST_F(Forward, ASilentServerIsGivenUpAfterASecond) {
  const ScriptedUpstream upstream(silent);
  use({&upstream}, Milliseconds(3000));
  EXPECT_EQ(failure_of("www.example"), UpstreamFailure::kTimeout);
  EXPECT_GE(took_, Milliseconds(900));
  EXPECT_LT(took_, Milliseconds(1500));
}

TEST_F(Forward, ALateAnswerIsCachedAndEndsTheMemoryOfItsFailure) {
  ScriptedUpstream upstream(answering_after(Milliseconds(700)));
  use({&upstream}, Milliseconds(300));
  const cache::Key key = key_of("www.example");
  EXPECT_EQ(ask(key).failure, UpstreamFailure::kTimeout);
  EXPECT_EQ(ask(key).failure, UpstreamFailure::kRemembered);
  run_for(Milliseconds(700));
  EXPECT_TRUE(cache_.find(key, Clock::now()));
  upstream.script(answering);
  run_for(Milliseconds(1500));  // its other queries, and the probe, come out of the queue
  EXPECT_TRUE(ask(key).answer);
  EXPECT_TRUE(ask(key_of("b.example")).answer);
}

TEST_F(Forward, AServerKnownToBeSlowIsWaitedForLonger) {
  const ScriptedUpstream slow(answering_after(Milliseconds(1400)));
  use({&slow}, Milliseconds(3000));
  const auto health = shared_.health.of(snapshots_->load()->groups[0]);
  health->server(0).answered(Clock::now() - Seconds(20), Milliseconds(1400));
  EXPECT_TRUE(ask(key_of("www.example")).answer);
  EXPECT_GE(took_, Milliseconds(1300));
}

TEST_F(Forward, WhoHasStaleDataWaitsForASecond) {
  ScriptedUpstream upstream(
      [](const Seen& seen) { return asks_for(seen, 's') ? Replies{} : answering(seen); });
  use({&upstream}, Milliseconds(3000));
  const cache::Key key = key_of("slow.example");
  const auto answer = ask(key_of("fast.example")).answer;
  ASSERT_TRUE(answer);
  const auto old = cache::new_answer(answer->body, answer->ttl_offsets, {});
  old->key = key;
  old->ttl = 60;
  old->stored = Clock::now() - Seconds(120);
  cache_.insert(old);
  EXPECT_EQ(ask(key).failure, UpstreamFailure::kTimeout);
  EXPECT_LT(took_, Milliseconds(1500));
}

}  // namespace
}  // namespace nxgate::forward
