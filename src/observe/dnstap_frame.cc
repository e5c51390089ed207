#include "observe/dnstap_frame.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <dnstap.pb-c.h>

#include "base/bytes.h"
#include "engine/observer.h"
#include "engine/reason.h"
#include "telemetry/counters.h"
#include "wire/reader.h"
#include "wire/types.h"

namespace nxgate::observe {
namespace {

/// protobuf-c has no const bytes; packing only reads them.
ProtobufCBinaryData data_of(Bytes bytes) noexcept {
  return {.len = bytes.size(), .data = const_cast<std::uint8_t*>(bytes.data())};
}

ProtobufCBinaryData data_of(std::string_view text) noexcept {
  return data_of(Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

struct Time {
  std::uint64_t seconds;
  std::uint32_t nanoseconds;
};

Time time_of(std::chrono::system_clock::time_point at) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(at);
  return {
      .seconds = static_cast<std::uint64_t>(seconds.time_since_epoch().count()),
      .nanoseconds = static_cast<std::uint32_t>(std::chrono::nanoseconds(at - seconds).count())};
}

bool has_answer(Bytes reply) noexcept {
  constexpr std::size_t kAnswerCount = 6;
  return wire::Reader(reply, kAnswerCount).u16() != 0;
}

/// The schema has no word for REFUSED.
std::optional<Dnstap__Policy__Action> denial_of(const engine::Event& event) {
  if (!event.answered) return DNSTAP__POLICY__ACTION__DROP;
  if (event.rcode == wire::Rcode::kNxDomain) return DNSTAP__POLICY__ACTION__NXDOMAIN;
  if (event.rcode != wire::Rcode::kNoError) return std::nullopt;
  return has_answer(event.reply) ? DNSTAP__POLICY__ACTION__LOCAL_DATA
                                 : DNSTAP__POLICY__ACTION__NODATA;
}

std::optional<Dnstap__Policy__Action> action_of(const engine::Event& event) {
  switch (engine::answer_class_of(event)) {
    case telemetry::AnswerClass::kProhibited:
    case telemetry::AnswerClass::kDenied:
      return denial_of(event);
    case telemetry::AnswerClass::kNoData:
      return DNSTAP__POLICY__ACTION__NODATA;
    case telemetry::AnswerClass::kLocal:
      return DNSTAP__POLICY__ACTION__LOCAL_DATA;
    case telemetry::AnswerClass::kCached:
    case telemetry::AnswerClass::kForwarded:
    case telemetry::AnswerClass::kStale:
    case telemetry::AnswerClass::kFailed:
      break;
  }
  return DNSTAP__POLICY__ACTION__PASS;
}

void add_client(const engine::Event& event, Dnstap__Message& message) {
  const Bytes address = event.client.address.bytes();
  message.has_socket_family = message.has_query_address = message.has_query_port = 1;
  message.socket_family =
      event.client.address.is_v4() ? DNSTAP__SOCKET_FAMILY__INET : DNSTAP__SOCKET_FAMILY__INET6;
  message.query_address = data_of(address);
  message.query_port = event.client.port;
}

void add_query(const engine::Event& event, Dnstap__Message& message) {
  const Time time = time_of(event.at - event.taken);
  message.has_query_time_sec = message.has_query_time_nsec = message.has_query_message = 1;
  message.query_time_sec = time.seconds;
  message.query_time_nsec = time.nanoseconds;
  message.query_message = data_of(event.query);
}

void add_reply(const engine::Event& event, Dnstap__Message& message) {
  const Time time = time_of(event.at);
  message.has_response_time_sec = message.has_response_time_nsec = message.has_response_message = 1;
  message.response_time_sec = time.seconds;
  message.response_time_nsec = time.nanoseconds;
  message.response_message = data_of(event.reply);
}

}  // namespace

std::size_t append_frame(const engine::Event& event, DnstapMessage which,
                         const DnstapLabels& labels, std::vector<std::uint8_t>& frames) {
  const bool response = which == DnstapMessage::kClientResponse;
  const policy::Policy* const decided = event.judgement.policy;
  const std::string rule = to_string(engine::reason_of(event));
  std::string kind = "nxgate";
  Dnstap__Policy policy = DNSTAP__POLICY__INIT;
  policy.type = kind.data();
  policy.has_rule = policy.has_match = 1;
  policy.rule = data_of(rule);
  if (const auto action = action_of(event)) {
    policy.has_action = 1;
    policy.action = *action;
  }
  policy.match =
      decided == nullptr ? DNSTAP__POLICY__MATCH__CLIENT_IP : DNSTAP__POLICY__MATCH__QNAME;

  Dnstap__Message message = DNSTAP__MESSAGE__INIT;
  message.type =
      response ? DNSTAP__MESSAGE__TYPE__CLIENT_RESPONSE : DNSTAP__MESSAGE__TYPE__CLIENT_QUERY;
  message.has_socket_protocol = 1;
  message.socket_protocol = event.transport == engine::Transport::kTcp
                                ? DNSTAP__SOCKET_PROTOCOL__TCP
                                : DNSTAP__SOCKET_PROTOCOL__UDP;
  message.policy = &policy;
  add_query(event, message);
  if (response) add_reply(event, message);
  if (!labels.hide_clients) add_client(event, message);

  Dnstap__Dnstap whole = DNSTAP__DNSTAP__INIT;
  whole.type = DNSTAP__DNSTAP__TYPE__MESSAGE;
  whole.message = &message;
  whole.has_identity = whole.has_version = 1;
  whole.identity = data_of(labels.identity);
  whole.version = data_of(labels.version);
  if (decided != nullptr && !decided->container.empty() && !labels.hide_clients) {
    whole.has_extra = 1;
    whole.extra = data_of(decided->container);
  }
  const std::size_t before = frames.size();
  const std::size_t size = dnstap__dnstap__get_packed_size(&whole);
  frames.resize(before + size);
  dnstap__dnstap__pack(&whole, frames.data() + before);
  return size;
}

}  // namespace nxgate::observe
