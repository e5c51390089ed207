#include "forward/exchange.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <ratio>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/core.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "cache/cache.h"
#include "engine/snapshot.h"
#include "forward/group.h"
#include "forward/tcp_query.h"
#include "forward/udp_channel.h"
#include "sys/socket.h"
#include "wire/answer.h"
#include "wire/types.h"
#include "wire/upstream_query.h"

namespace nxgate::forward {

void Exchange::start(std::shared_ptr<Group> group, std::size_t server, const cache::Key& key,
                     bool by_tcp_only, Instant now) {
  group_ = std::move(group);
  server_ = server;
  key_ = &key;
  started_ = now;
  outcome_ = Outcome::kSilent;
  saw_junk_ = false;
  replied_ = false;
  if (by_tcp_only || group_->server(server_).protocol == engine::UpstreamProtocol::kTcp) {
    ask_by_tcp();
  } else {
    ask_by_udp(now);
  }
}

void Exchange::cancel() noexcept {
  leave_port();
  if (tcp_) std::exchange(tcp_, nullptr)->cancel();
  group_.reset();
}

void Exchange::ask_by_udp(Instant now) {
  auto port = group_->channels[server_]->port();
  if (!port) return network_failed(port.error().value(), now);
  port_ = *std::move(port);
  id_ = port_->draw_id();
  compose(id_, true);
  port_->enter(id_, *this);
}

void Exchange::ask_by_tcp() {
  leave_port();
  std::uint16_t id = 0;
  resources_.entropy.fill({reinterpret_cast<std::uint8_t*>(&id), sizeof id});
  compose(id, false);
  TcpClient& client = *this;
  tcp_ = std::make_shared<TcpQuery>(resources_.loop, client, query());
  const std::shared_ptr<TcpQuery> starting = tcp_;
  starting->start(group_->server(server_).endpoint, group_->netns);
}

bool Exchange::receive(Bytes message, bool own_id, Instant now) {
  switch (judge(message, now)) {
    case Next::kDone:
      finish(now);
      return true;
    case Next::kTcp:
      ask_by_tcp();
      return true;
    case Next::kWait:
      break;
  }
  saw_junk_ |= own_id;
  return false;
}

void Exchange::fail(int error, Instant now) {
  if (error != 0) return network_failed(error, now);
  saw_junk_ = true;
  ask_by_tcp();
}

void Exchange::answered_by_tcp(Bytes message) {
  const Instant now = Clock::now();
  if (judge(message, now) != Next::kDone) note(Outcome::kBadAnswer, "not an answer", now);
  finish(now);
}

void Exchange::closed_by_tcp() {
  const Instant now = Clock::now();
  note(Outcome::kBadAnswer, "connection closed", now);
  finish(now);
}

void Exchange::compose(std::uint16_t id, bool mixed_case) {
  wire::UpstreamQuery query;
  query.id = id;
  query.question = key_->question;
  query.dnssec_ok = key_->dnssec_ok;
  query.checking_disabled = key_->checking_disabled;
  if (mixed_case) {
    const std::size_t name_size = key_->question.name.wire().size();
    resources_.entropy.fill(MutableBytes(query.case_bits).first((name_size + 7) / 8));
  }
  query_size_ = static_cast<std::uint16_t>(wire::write_upstream_query(query, query_));
}

/// Looks at what came: kDone with the outcome noted, or what to do instead.
Exchange::Next Exchange::judge(Bytes message, Instant now) {
  const auto scrubbed = wire::scrub_answer(message, query(), resources_.scrubbed);
  if (scrubbed) {
    answer_ = cache::make_answer(*key_, resources_.scrubbed, resources_.limits, now);
    note(Outcome::kAnswered, "answer", now);
    return Next::kDone;
  }
  switch (scrubbed.error()) {
    case wire::AnswerFault::kNotOurs:
      return Next::kWait;
    case wire::AnswerFault::kTruncated:
      replied_ = true;
      [[fallthrough]];
    case wire::AnswerFault::kWrongId:
      note(Outcome::kSilent, to_string(scrubbed.error()), now);
      return Next::kTcp;
    case wire::AnswerFault::kMalformed:
      note(Outcome::kBadAnswer, to_string(scrubbed.error()), now);
      return Next::kDone;
    case wire::AnswerFault::kRcode:
      note(Outcome::kBadAnswer, to_string(resources_.scrubbed.rcode), now);
      return Next::kDone;
  }
  return Next::kWait;
}

void Exchange::network_failed(int error, Instant now) {
  const std::string words = std::generic_category().message(error);
  const sys::NetnsRef& netns = group_->netns;
  const bool no_namespace = !netns.own() && !netns.identity();
  const std::string server = group_->server(server_).endpoint.to_string();
  const std::string at = netns.own() ? server : server + "@" + netns.text();
  log::repeated("upstream " + at,
                fmt::format("upstream {}: {}", at,
                            no_namespace ? "the network namespace is missing" : words));
  note(sys::is_local_lack(error) ? Outcome::kNoSocket : Outcome::kUnreachable, words, now);
  finish(now);
}

void Exchange::leave_port() noexcept {
  if (!port_) return;
  port_->leave(id_);
  port_.reset();
}

void Exchange::note(Outcome outcome, std::string_view words, Instant now) {
  outcome_ = outcome;
  if (!log::enabled(log::Level::kExchange)) return;
  const std::chrono::duration<double, std::milli> time = now - started_;
  log::write(
      log::Level::kExchange,
      fmt::format("{} {} {} {}: {} in {:.1f} ms", group_->server(server_).endpoint.to_string(),
                  tcp_ ? "tcp" : "udp", key_->question.name.to_text(),
                  to_string(key_->question.type), words, time.count()));
}

void Exchange::finish(Instant now) {
  leave_port();
  tcp_.reset();
  group_.reset();
  owner_.ended(*this, now);
}

}  // namespace nxgate::forward
