#include "serve/readiness.h"

#include <array>

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/descriptor.h"

namespace nxgate::serve {
namespace {

using boost::system::error_code;

class ReadinessTest : public testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    ours_ = sys::Descriptor(ends[0]);
    theirs_ = sys::Descriptor(ends[1]);
  }

  void wait(int descriptor) {
    readable_.wait(descriptor, [this](const error_code& error) {
      ++calls_;
      error_ = error;
    });
  }
  void send() const { ASSERT_EQ(::write(theirs_.get(), "x", 1), 1); }
  void receive() const {
    char byte = 0;
    ASSERT_EQ(::read(ours_.get(), &byte, 1), 1);
  }

  boost::asio::io_context loop_{1};
  sys::Descriptor ours_;
  sys::Descriptor theirs_;
  Readiness readable_{loop_};
  int calls_ = 0;
  error_code error_;
};

TEST_F(ReadinessTest, TellsEachTime) {
  for (int round = 1; round <= 3; ++round) {
    loop_.restart();
    wait(ours_.get());
    loop_.poll();
    EXPECT_EQ(calls_, round - 1);
    send();
    loop_.run();
    EXPECT_EQ(calls_, round);
    EXPECT_FALSE(error_);
    receive();
  }
}

TEST_F(ReadinessTest, WhatCameWhileNobodyHeldOnIsToldWithTheNextWait) {
  wait(ours_.get());
  send();
  loop_.run();
  receive();
  readable_.let_go();
  send();
  loop_.restart();
  wait(ours_.get());
  loop_.run();
  EXPECT_EQ(calls_, 2);
  receive();
}

TEST_F(ReadinessTest, LettingGoLeavesTheDescriptorOpen) {
  wait(ours_.get());
  send();
  loop_.run();
  readable_.let_go();
  receive();
}

TEST_F(ReadinessTest, ACancelledWaitEndsWithAnError) {
  wait(ours_.get());
  readable_.cancel();
  loop_.run();
  EXPECT_EQ(calls_, 1);
  EXPECT_EQ(error_, boost::asio::error::operation_aborted);
}

TEST_F(ReadinessTest, WhatEpollDoesntTakeIsTriedAfterAMoment) {
  wait(-1);
  loop_.run();
  EXPECT_EQ(calls_, 1);
  EXPECT_FALSE(error_);
  wait(-1);
  readable_.cancel();
  loop_.restart();
  loop_.run();
  EXPECT_EQ(error_, boost::asio::error::operation_aborted);
}

}  // namespace
}  // namespace nxgate::serve
