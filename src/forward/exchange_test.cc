// What counts as an answer, and what an exchange does about the rest.
#include "forward/exchange.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "forward/forward_fixture.h"
#include "forward/scripted_upstream.h"
#include "forward/udp_channel.h"
#include "sys/descriptor.h"
#include "sys/socket.h"
#include "wire/name.h"

namespace nxgate::forward {
namespace {

TEST_F(Forward, TruncatedAnswerIsAskedForByTcp) {
  const ScriptedUpstream upstream([](const Seen& seen) {
    return Replies{seen.tcp ? address_reply(seen.query) : empty_reply(seen.query, kTruncatedFlag)};
  });
  use({&upstream});
  EXPECT_TRUE(ask(key_of("www.example")).answer);
  ASSERT_EQ(upstream.seen().size(), 2U);
  EXPECT_TRUE(upstream.seen()[1].tcp);
}

TEST_F(Forward, TcpAloneWorks) {
  const ScriptedUpstream upstream(answering);
  use({&upstream}, Milliseconds(600), UpstreamProtocol::kTcp);
  EXPECT_TRUE(ask(key_of("www.example")).answer);
  ASSERT_EQ(upstream.seen().size(), 1U);
  EXPECT_TRUE(upstream.seen()[0].tcp);
}

TEST_F(Forward, WrongIdMovesToTcp) {
  const ScriptedUpstream upstream([](const Seen& seen) {
    Packet reply = address_reply(seen.query);
    if (!seen.tcp) reply[0] ^= 1;
    return Replies{reply};
  });
  use({&upstream});
  EXPECT_TRUE(ask(key_of("www.example")).answer);
  ASSERT_EQ(upstream.seen().size(), 2U);
  EXPECT_TRUE(upstream.seen()[1].tcp);
}

TEST_F(Forward, JunkBeforeTheAnswerIsIgnored) {
  const ScriptedUpstream upstream([](const Seen& seen) {
    Packet other_case = address_reply(seen.query);
    other_case[13] ^= 0x20;
    Packet other_name = address_reply(seen.query);
    other_name[14] = '!';
    Packet query = seen.query;
    return Replies{other_case, other_name, query, {1, 2, 3}, address_reply(seen.query)};
  });
  use({&upstream});
  EXPECT_TRUE(ask(key_of("www.example")).answer);
  EXPECT_EQ(upstream.seen().size(), 1U);
}

/// The question in small letters, whatever they were.
Packet with_small_letters(Packet reply, const Packet& query) {
  for (std::size_t at = 12; at < question_end(query) - 4; ++at) reply[at] = wire::lower(reply[at]);
  return reply;
}

Replies changing_letters(const Seen& seen) {
  return {with_small_letters(address_reply(seen.query), seen.query)};
}

class ChangedLetters : public Forward, public testing::WithParamInterface<bool> {};

TEST_P(ChangedLetters, AreNoLongerSentToAServerThatDidItTwice) {
  const ScriptedUpstream upstream(changing_letters, GetParam());
  use({&upstream}, Milliseconds(300));
  EXPECT_TRUE(ask(key_of("www.letters.example")).answer);
  EXPECT_TRUE(ask(key_of("b.letters.example")).answer);
  const std::size_t so_far = upstream.seen().size();
  EXPECT_TRUE(ask(key_of("c.letters.example")).answer);
  ASSERT_EQ(upstream.seen().size(), so_far + 1);
  EXPECT_FALSE(upstream.seen().back().tcp);
  const Packet last = upstream.seen().back().query;
  EXPECT_EQ(last, with_small_letters(last, last));
}
INSTANTIATE_TEST_SUITE_P(, ChangedLetters, testing::Bool());

TEST_F(Forward, OneForgeryWithOtherLettersChangesNothing) {
  bool forged = false;
  const ScriptedUpstream upstream([&](const Seen& seen) {
    Replies replies = answering(seen);
    if (!std::exchange(forged, true)) {
      replies.insert(replies.begin(), with_small_letters(replies.front(), seen.query));
    }
    return replies;
  });
  use({&upstream});
  EXPECT_TRUE(ask(key_of("www.letters.example")).answer);
  EXPECT_TRUE(ask(key_of("b.letters.example")).answer);
  ASSERT_EQ(upstream.seen().size(), 2U);
  const Packet last = upstream.seen()[1].query;
  EXPECT_NE(last, with_small_letters(last, last)) << "one time in 2^17";
}

bool has_edns(const Seen& seen) { return seen.query[11] != 0; }

/// Refuses what has an OPT, by so much of a message.
ScriptedUpstream::Script refusing_edns(bool whole) {
  return [whole](const Seen& seen) {
    if (!has_edns(seen)) return answering(seen);
    Packet refusal = empty_reply(seen.query, 1);
    if (!whole) {
      refusal.resize(12);  // as of servers that read no further
      refusal[5] = 0;
    }
    return Replies{refusal};
  };
}

TEST_F(Forward, AServerThatRefusesEdnsIsAskedWithoutFromThenOn) {
  const ScriptedUpstream upstream(refusing_edns(true));
  use({&upstream});
  EXPECT_TRUE(ask(key_of("a.example")).answer);
  EXPECT_EQ(upstream.seen().size(), 2U);
  EXPECT_TRUE(ask(key_of("b.example")).answer);
  EXPECT_EQ(upstream.seen().size(), 3U);
  EXPECT_LT(took_, Milliseconds(100));
}

TEST_F(Forward, ABareHeaderIsBelievedWhenItWasSeenTwice) {
  const ScriptedUpstream upstream(refusing_edns(false));
  use({&upstream});
  for (const char* name : {"a.example", "b.example", "c.example"}) {
    EXPECT_TRUE(ask(key_of(name)).answer) << name;
  }
  EXPECT_EQ(upstream.seen().size(), 5U);
}

TEST_F(Forward, ABareHeaderChangesNothingOfAServerThatTakesEdns) {
  ScriptedUpstream upstream(answering);
  use({&upstream});
  EXPECT_TRUE(ask(key_of("a.example")).answer);
  upstream.script(refusing_edns(false));
  for (const char* name : {"b.example", "c.example", "d.example"}) {
    EXPECT_TRUE(ask(key_of(name)).answer) << name;
  }
  upstream.script(answering);
  EXPECT_TRUE(ask(key_of("e.example")).answer);
  EXPECT_TRUE(has_edns(upstream.seen().back()));
}

TEST_F(Forward, AServerThatSaysNothingToEdnsIsAskedWithoutWhenThatWasSeenTwice) {
  ScriptedUpstream upstream(
      [](const Seen& seen) { return has_edns(seen) ? Replies{} : answering(seen); });
  use({&upstream});
  for (const char* name : {"a.example", "b.example"}) {
    EXPECT_TRUE(ask(key_of(name)).answer) << name;
    EXPECT_GE(took_, Milliseconds(150));
  }
  EXPECT_TRUE(ask(key_of("c.example")).answer);
  EXPECT_LT(took_, Milliseconds(100));
  EXPECT_EQ(upstream.seen().size(), 5U);
}

TEST_F(Forward, AServerThatHasAnsweredEdnsIsAskedWithItAgain) {
  ScriptedUpstream upstream(answering);
  use({&upstream});
  EXPECT_TRUE(ask(key_of("a.example")).answer);
  upstream.script([](const Seen& seen) { return has_edns(seen) ? Replies{} : answering(seen); });
  EXPECT_EQ(failure_of("b.example"), UpstreamFailure::kTimeout) << "a loss is no proof";
  run_for(Milliseconds(5000));  // until a probe without EDNS is answered
  EXPECT_TRUE(ask(key_of("c.example")).answer);
}

TEST_F(Forward, AnyFailureWithoutEdnsIsOne) {
  const ScriptedUpstream upstream(
      [](const Seen& seen) { return Replies{empty_reply(seen.query, 4)}; });
  use({&upstream});
  EXPECT_EQ(failure_of("a.example"), UpstreamFailure::kBadAnswer);
  EXPECT_EQ(upstream.seen().size(), 2U);
}

TEST_F(Forward, ReverseNamesAreSmallAtLoopback) {
  const ScriptedUpstream upstream(answering);
  use({&upstream});
  EXPECT_TRUE(ask(key_of("1.0.0.10.in-addr.arpa")).answer);
  const Packet query = upstream.seen().at(0).query;
  EXPECT_EQ(query, with_small_letters(query, query));
}

TEST_F(Forward, AHeapOfJunkMovesToTcp) {
  const ScriptedUpstream upstream(
      [](const Seen& seen) { return seen.tcp ? answering(seen) : Replies(64, Packet{1, 2, 3}); });
  use({&upstream});
  EXPECT_TRUE(ask(key_of("www.example")).answer);
}

TEST_F(Forward, AnotherSourceIsNotHeard) {
  std::atomic<int> forged{0};
  const ScriptedUpstream upstream([&forged](const Seen& seen) {
    // The right answer, to the right port, from a port that wasn't asked.
    Packet reply = address_reply(seen.query);
    reply.back() = 66;
    const sys::Descriptor other(::socket(AF_INET, SOCK_DGRAM, 0));
    const auto to = sys::to_sockaddr({IpAddress::v4({127, 0, 0, 1}), seen.client_port});
    if (::sendto(other.get(), reply.data(), reply.size(), 0, to.get(), to.length) > 0) ++forged;
    return answering(seen);
  });
  use({&upstream});
  const auto result = ask(key_of("www.example"));
  ASSERT_TRUE(result.answer);
  EXPECT_EQ(forged, 1);
  EXPECT_EQ(result.answer->body.back(), 1);
}

TEST_F(Forward, RefusedConnectionFailsAtOnce) {
  Endpoint nobody;
  {
    const ScriptedUpstream gone(silent);
    nobody = gone.endpoint();
  }
  use(snapshot_of({{UpstreamProtocol::kUdp, nobody}}, Milliseconds(1000)));
  EXPECT_EQ(failure_of("a.example"), UpstreamFailure::kUnreachable);
  EXPECT_LT(took_, Milliseconds(50));
}

TEST_F(Forward, MissingNamespaceFailsAtOnce) {
  const ScriptedUpstream upstream(answering);
  use(snapshot_of({{UpstreamProtocol::kUdp, upstream.endpoint()}}, Milliseconds(1000),
                  "/run/netns/nxgate-test-has-none"));
  EXPECT_EQ(failure_of("a.example"), UpstreamFailure::kUnreachable);
  EXPECT_LT(took_, Milliseconds(50));
}

TEST_F(Forward, MalformedAnswersAreAFailureAndRemembered) {
  const ScriptedUpstream upstream([](const Seen& seen) {
    Packet reply = address_reply(seen.query);
    reply.pop_back();
    return Replies{reply};
  });
  use({&upstream});
  EXPECT_EQ(failure_of("www.example"), UpstreamFailure::kBadAnswer);
  EXPECT_LT(took_, Milliseconds(150));
  EXPECT_EQ(failure_of("www.example"), UpstreamFailure::kRemembered);
  EXPECT_EQ(failure_of("other.example"), UpstreamFailure::kBadAnswer);  // the server is alive
  EXPECT_EQ(upstream.seen().size(), 4U) << "each twice: the first may have been somebody else's";
}

TEST_F(Forward, IdsAndLettersAreRandom) {
  constexpr int kQueries = 2000;
  const ScriptedUpstream upstream(answering);
  use({&upstream}, Milliseconds(2000));
  for (int i = 0; i < kQueries; ++i) {
    ASSERT_TRUE(ask(key_of("abcdefghijklmnop" + std::to_string(i) + ".example")).answer) << i;
  }
  std::set<int> ids;
  std::array<int, 16> id_nibbles{};
  int capitals = 0;
  const auto seen = upstream.seen();
  for (const Seen& each : seen) {
    const int id = each.query[0] << 8 | each.query[1];
    ids.insert(id);
    ++id_nibbles[static_cast<std::size_t>(id >> 12)];
    for (std::size_t at = 13; at < 13 + 16; ++at) capitals += each.query[at] < 'a' ? 1 : 0;
  }
  const double expected = static_cast<double>(seen.size()) / 16;
  double chi_square = 0;
  for (const int count : id_nibbles)
    chi_square += (count - expected) * (count - expected) / expected;
  EXPECT_GT(ids.size(), kQueries * 95 / 100);  // 1970 expected
  EXPECT_LT(chi_square, 50);                   // 15 degrees of freedom: 1 in 80,000
  EXPECT_NEAR(capitals, kQueries * 8, kQueries / 2);
}

TEST_F(Forward, ABurstSharesAPortAndTheNextHasAnother) {
  const ScriptedUpstream upstream(answering);
  use({&upstream}, Milliseconds(2000));
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(ask(key_of("alone" + std::to_string(i) + ".example")).answer) << i;
    std::this_thread::sleep_for(Milliseconds(15));
    run_for(Milliseconds(1));
  }
  std::set<int> alone;
  for (const Seen& each : upstream.seen()) alone.insert(each.client_port);
  EXPECT_GE(alone.size(), 39U);

  constexpr int kBurst = 400;
  int answered = 0;
  for (int i = 0; i < kBurst; ++i) {
    forwarder_->submit(key_of("burst" + std::to_string(i) + ".example"), client_,
                       [&](const UpstreamResult& result) { answered += result.answer ? 1 : 0; });
  }
  run_for(Milliseconds(500));
  EXPECT_EQ(answered, kBurst);
  std::map<int, std::size_t> of_port;
  const auto seen = upstream.seen();
  for (std::size_t i = 40; i < seen.size(); ++i) ++of_port[seen[i].client_port];
  EXPECT_GE(of_port.size(), 2U);
  for (const auto& [port, queries] : of_port) EXPECT_LE(queries, UdpPort::kMostQueries) << port;
}

}  // namespace
}  // namespace nxgate::forward
