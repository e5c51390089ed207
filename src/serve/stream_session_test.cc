#include "serve/stream_session.h"

#include <chrono>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "serve/fixture_test.h"

namespace nxgate::serve {
namespace {

TcpLimits short_idle() {
  TcpLimits limits;
  limits.idle = Milliseconds(200);
  return limits;
}

TEST(StreamSession, TakesAnySegmentation) {
  const Running running;
  const Client client = running.tcp();
  const std::string queries = framed("one") + framed("two") + framed(std::string(5000, 'x'));
  for (std::size_t i = 0; i < 20; ++i) ASSERT_TRUE(client.send(queries.substr(i, 1)));
  ASSERT_TRUE(client.send(queries.substr(20)));
  EXPECT_EQ(client.receive_framed(), "one");
  EXPECT_EQ(client.receive_framed(), "two");
  EXPECT_EQ(client.receive_framed(), std::string(5000, 'x'));
}

TEST(StreamSession, AnswersManyQueriesOfOneSegment) {
  const Running running;
  const Client client = running.tcp();
  std::string queries;
  for (int i = 0; i < 1000; ++i) queries += framed("q" + std::to_string(i));
  ASSERT_TRUE(client.send(queries));
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(client.receive_framed(), "q" + std::to_string(i));
}

TEST(StreamSession, AnswersOutOfOrder) {
  const Running running;
  const Client client = running.tcp();
  ASSERT_TRUE(client.send(framed("l1") + framed("e") + framed("d") + framed("l2") + framed("n")));
  EXPECT_EQ(client.receive_framed(), "e");
  EXPECT_EQ(client.receive_framed(), "n");
  EXPECT_EQ(client.receive_framed(), "l2");
  EXPECT_EQ(client.receive_framed(), "l1");
}

TEST(StreamSession, TakesTheLargestMessageThereIs) {
  const Running running;
  const Client client = running.tcp();
  const std::string largest(65535, 'z');
  ASSERT_TRUE(client.send(framed(largest)));
  EXPECT_EQ(client.receive_framed(), largest);
}

TEST(StreamSession, ServesAClientThatHasClosedItsSide) {
  Running running;
  const Client client = running.tcp();
  ASSERT_TRUE(client.send(framed("l1") + framed("echo")));
  ASSERT_EQ(::shutdown(client.get(), SHUT_WR), 0);
  EXPECT_EQ(client.receive_framed(), "echo");
  ASSERT_TRUE(running.tcp().send(framed("r")));
  EXPECT_EQ(client.receive_framed(), "l1");
  EXPECT_EQ(client.receive_framed(), "(closed)");
  EXPECT_TRUE(eventually([&] { return running.census().connections() == 0; }));
}

TEST(StreamSession, EndsAtAnEmptyMessage) {
  const Running running;
  const Client client = running.tcp();
  ASSERT_TRUE(client.send(framed("one") + framed("")));
  EXPECT_EQ(client.receive_framed(), "one");
  EXPECT_TRUE(client.closed());
}

TEST(StreamSession, ClosesWhenIdleEvenIfBytesTrickle) {
  const Running running("127.0.0.1", short_idle());
  const Client silent = running.tcp();
  const Client slow = running.tcp();
  const std::string query = framed("never to be finished");
  bool taken = true;
  for (std::size_t i = 0; i < 12 && taken; ++i) {
    taken = slow.send(query.substr(i, 1));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_FALSE(taken && slow.send("x"));
  EXPECT_TRUE(silent.closed());
}

TEST(StreamSession, IsNotIdleWhileItWaitsForAnAnswer) {
  const Running running("127.0.0.1", short_idle());
  const Client client = running.tcp();
  ASSERT_TRUE(client.send(framed("l1")));
  std::this_thread::sleep_for(std::chrono::milliseconds(600));
  ASSERT_TRUE(running.tcp().send(framed("r")));
  EXPECT_EQ(client.receive_framed(), "l1");
  EXPECT_TRUE(client.closed());
}

TEST(StreamSession, StopsReadingWhenTooMuchIsUnanswered) {
  TcpLimits limits;
  limits.unanswered = 4;
  Running running("127.0.0.1", limits);
  const Client client = running.tcp();
  std::string queries;
  for (int i = 0; i < 10; ++i) queries += framed("l" + std::to_string(i));
  ASSERT_TRUE(client.send(queries + framed("end")));
  EXPECT_TRUE(eventually([&] { return running.handler().waiting == 4; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(running.handler().waiting, 4);
  int answers = 0;
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(eventually([&] { return running.handler().waiting == (round < 2 ? 4 : 2); }));
    ASSERT_TRUE(running.tcp().send(framed("r")));
    for (int i = 0; i < (round < 2 ? 4 : 3); ++i) answers += client.receive_framed() != "(none)";
  }
  EXPECT_EQ(answers, 11);
}

TEST(StreamSession, TakesNoQuestionForWhoseAnswerThereIsNoRoom) {
  TcpLimits limits;
  limits.more_bytes = 8 * 65537;  // one client gets half
  Running running("127.0.0.1", limits);
  const Client client = running.tcp();
  std::string queries;
  for (int i = 0; i < 10; ++i) queries += framed("l" + std::to_string(i));
  ASSERT_TRUE(client.send(queries));
  EXPECT_TRUE(eventually([&] { return running.handler().waiting == 5; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(running.handler().waiting, 5) << "its own and four of the shared ones";
  EXPECT_EQ(running.bytes().taken(), 4U * 65537);
  const Client second = running.tcp();
  ASSERT_TRUE(second.send(framed("l-second")));
  EXPECT_TRUE(eventually([&] { return running.handler().waiting == 6; })) << "each has one";
  ASSERT_TRUE(running.tcp().send(framed("r")));
  EXPECT_EQ(second.receive_framed(), "l-second");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client.receive_framed().front(), 'l');
  EXPECT_TRUE(eventually([&] { return running.handler().waiting == 5; })) << "those left lying";
  ASSERT_TRUE(running.tcp().send(framed("r")));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client.receive_framed().front(), 'l');
  EXPECT_TRUE(eventually([&] { return running.bytes().taken() == 0; }));
}

TEST(StreamSession, AClientThatDoesNotReadBorrowsNothing) {
  Running running;
  const Client client = running.tcp();
  const timeval timeout{.tv_sec = 0, .tv_usec = 100'000};
  ASSERT_EQ(::setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout), 0);
  std::string queries;
  for (int i = 0; i < 500; ++i) queries += framed("b");
  client.send(queries);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(running.bytes().taken(), 0U);
  for (int i = 0; i < 500; ++i) ASSERT_EQ(client.receive_framed().size(), 60000U) << i;
}

TEST(StreamSession, GivesBackWhatItBorrowedWhenItIsClosed) {
  Running running;
  {
    const Client client = running.tcp();
    std::string queries;
    for (int i = 0; i < 10; ++i) queries += framed("l" + std::to_string(i));
    ASSERT_TRUE(client.send(queries));
    EXPECT_TRUE(eventually([&] { return running.handler().waiting == 10; }));
    EXPECT_EQ(running.bytes().taken(), 9U * 65537);
    const linger reset{.l_onoff = 1, .l_linger = 0};
    (void)::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  EXPECT_TRUE(eventually([&] { return running.bytes().taken() == 0; }));
}

TEST(StreamSession, ClosesOnAClientThatDoesNotRead) {
  Running running("127.0.0.1", short_idle());
  const Client client = running.tcp();
  const timeval timeout{.tv_sec = 0, .tv_usec = 100'000};
  ASSERT_EQ(::setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout), 0);
  std::string queries;
  for (int i = 0; i < 5000; ++i) queries += framed("b");
  client.send(queries);
  EXPECT_TRUE(eventually([&] { return running.census().connections() == 1; }));
  EXPECT_TRUE(eventually([&] { return running.census().connections() == 0; }));
}

TEST(StreamSession, SurvivesAClientThatGoesAwayWhileItWaits) {
  Running running;
  {
    const Client client = running.tcp();
    ASSERT_TRUE(client.send(framed("l1") + framed("l2")));
    EXPECT_TRUE(eventually([&] { return running.handler().waiting == 2; }));
    const linger reset{.l_onoff = 1, .l_linger = 0};
    (void)::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  EXPECT_TRUE(eventually([&] { return running.census().connections() == 0; }));
  const Client other = running.tcp();
  ASSERT_TRUE(other.send(framed("r")));
  EXPECT_EQ(other.receive_framed(), "r");
}

}  // namespace
}  // namespace nxgate::serve
