#include "observe/dnstap_frame.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <dnstap.pb-c.h>
#include <gtest/gtest.h>

#include "engine/observer.h"
#include "policy/policy.h"

namespace nxgate::observe {
namespace {

using namespace std::string_literals;

struct Unpacked {
  void operator()(Dnstap__Dnstap* message) const {
    dnstap__dnstap__free_unpacked(message, nullptr);
  }
};
using Message = std::unique_ptr<Dnstap__Dnstap, Unpacked>;

std::string text_of(const ProtobufCBinaryData& data) {
  return {reinterpret_cast<const char*>(data.data), data.len};
}

class DnstapFrameTest : public testing::Test {
 protected:
  DnstapFrameTest() {
    policy_.name = "ci";
    policy_.container = "web";
    event_.at = std::chrono::system_clock::time_point(std::chrono::milliseconds(5'000'250));
    event_.taken = std::chrono::milliseconds(500);
    event_.client = {IpAddress::parse("192.0.2.7").value(), 4711};
    event_.judgement.policy = &policy_;
    event_.outcome = engine::Outcome::kDeny;
    event_.answered = true;
    event_.rcode = wire::Rcode::kNxDomain;
    event_.query = query_;
    event_.reply = reply_;
  }

  /// Read back by protobuf-c; null if it isn't a whole message.
  Message frame(DnstapMessage which = DnstapMessage::kClientResponse) {
    std::vector<std::uint8_t> frames{0xFF};
    const std::size_t size = append_frame(event_, which, labels_, frames);
    EXPECT_EQ(frames.size(), size + 1);
    return Message(dnstap__dnstap__unpack(nullptr, size, frames.data() + 1));
  }

  policy::Policy policy_;
  const std::vector<std::uint8_t> query_{1, 2, 3};
  std::vector<std::uint8_t> reply_ = std::vector<std::uint8_t>(12);
  engine::Event event_;
  DnstapLabels labels_{.identity = "here", .version = "x 1"};
};

TEST_F(DnstapFrameTest, SaysWhoAskedWhatAndWhen) {
  const Message whole = frame();
  ASSERT_NE(whole, nullptr);
  EXPECT_EQ(text_of(whole->identity), "here");
  EXPECT_EQ(text_of(whole->version), "x 1");
  EXPECT_EQ(text_of(whole->extra), "web");
  const Dnstap__Message& message = *whole->message;
  EXPECT_EQ(message.type, DNSTAP__MESSAGE__TYPE__CLIENT_RESPONSE);
  EXPECT_EQ(message.socket_family, DNSTAP__SOCKET_FAMILY__INET);
  EXPECT_EQ(message.socket_protocol, DNSTAP__SOCKET_PROTOCOL__UDP);
  EXPECT_EQ(text_of(message.query_address), "\xC0\0\2\7"s);
  EXPECT_EQ(message.query_port, 4711U);
  EXPECT_EQ(message.query_time_sec, 4999U);
  EXPECT_EQ(message.query_time_nsec, 750'000'000U);
  EXPECT_EQ(message.response_time_sec, 5000U);
  EXPECT_EQ(message.response_time_nsec, 250'000'000U);
  EXPECT_EQ(text_of(message.query_message), "\1\2\3");
  EXPECT_EQ(message.response_message.len, 12U);
  EXPECT_STREQ(message.policy->type, "nxgate");
  EXPECT_EQ(text_of(message.policy->rule), "policy=ci rule=default");
  EXPECT_EQ(message.policy->match, DNSTAP__POLICY__MATCH__QNAME);
}

TEST_F(DnstapFrameTest, AQueryHasNoReply) {
  event_.client.address = IpAddress::parse("2001:db8::7").value();
  event_.transport = engine::Transport::kTcp;
  const Message whole = frame(DnstapMessage::kClientQuery);
  ASSERT_NE(whole, nullptr);
  EXPECT_EQ(whole->message->type, DNSTAP__MESSAGE__TYPE__CLIENT_QUERY);
  EXPECT_EQ(whole->message->socket_family, DNSTAP__SOCKET_FAMILY__INET6);
  EXPECT_EQ(whole->message->socket_protocol, DNSTAP__SOCKET_PROTOCOL__TCP);
  EXPECT_EQ(whole->message->query_address.len, 16U);
  EXPECT_FALSE(whole->message->has_response_message);
  EXPECT_FALSE(whole->message->has_response_time_sec);
}

TEST_F(DnstapFrameTest, NamesWhatThePolicyDid) {
  const auto action = [this] { return frame()->message->policy->action; };
  EXPECT_EQ(action(), DNSTAP__POLICY__ACTION__NXDOMAIN);
  event_.rcode = wire::Rcode::kNoError;
  EXPECT_EQ(action(), DNSTAP__POLICY__ACTION__NODATA);
  reply_[7] = 1;  // a denial by an address
  EXPECT_EQ(action(), DNSTAP__POLICY__ACTION__LOCAL_DATA);
  event_.rcode = wire::Rcode::kRefused;
  EXPECT_FALSE(frame()->message->policy->has_action);
  event_.answered = false;
  EXPECT_EQ(action(), DNSTAP__POLICY__ACTION__DROP);
  event_.outcome = engine::Outcome::kForward;
  event_.source = engine::Source::kCache;
  EXPECT_EQ(action(), DNSTAP__POLICY__ACTION__PASS);
  event_.judgement = {};
  event_.outcome = {};
  EXPECT_EQ(frame()->message->policy->match, DNSTAP__POLICY__MATCH__CLIENT_IP);
}

TEST_F(DnstapFrameTest, HidesClientsIfItIsTo) {
  labels_.hide_clients = true;
  const Message whole = frame();
  ASSERT_NE(whole, nullptr);
  EXPECT_FALSE(whole->has_extra);
  EXPECT_FALSE(whole->message->has_query_address);
  EXPECT_FALSE(whole->message->has_query_port);
}

}  // namespace
}  // namespace nxgate::observe
