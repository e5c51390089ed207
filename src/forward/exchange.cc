#include "forward/exchange.h"

#include <algorithm>
#include <cerrno>
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
#include "forward/channel.h"
#include "forward/group.h"
#include "forward/health.h"
#include "forward/quirks.h"
#include "sys/socket.h"
#include "wire/answer.h"
#include "wire/name.h"
#include "wire/types.h"
#include "wire/upstream_query.h"

namespace nxgate::forward {

void Exchange::start(std::shared_ptr<Group> group, std::size_t server, const cache::Key& key,
                     How how, Instant now) {
  group_ = std::move(group);
  server_ = server;
  key_ = &key;
  started_ = now;
  outcome_ = ExchangeResult::kSilent;
  said_.reset();
  saw_junk_ = false;
  replied_ = false;
  doubtful_ = small_letters_ = how.by_fallback;
  asked_again_ = false;
  edns_ = !how.without_edns && quirks().takes_edns(now);
  refused_edns_ = false;
  const ServerChannels& channels = group_->channels[server_];
  ask(how.by_fallback && channels.fallback ? *channels.fallback : *channels.first, now);
}

void Exchange::cancel() noexcept {
  WaitingQuery::cancel();
  group_.reset();
}

void Exchange::ask(Channel& channel, Instant now) {
  WaitingQuery::cancel();
  channel_ = &channel;
  channel.submit(*this, now);
}

void Exchange::use_fallback(Instant now) {
  Channel* const fallback = group_->channels[server_].fallback.get();
  if (fallback != nullptr && channel_ != fallback) return ask(*fallback, now);
  if (outcome_ != ExchangeResult::kBadAnswer) {
    note(ExchangeResult::kBadAnswer, "not an answer", now);
  }
  finish(now);
}

/// By the first channel, once, where only the fallback has failed.
bool Exchange::ask_again(Instant now) {
  const ServerChannels& channels = group_->channels[server_];
  if (asked_again_ || !doubtful_ || channel_ != channels.fallback.get()) return false;
  asked_again_ = true;
  ask(*channels.first, now);
  return true;
}

bool Exchange::receive(Bytes message, bool own_id, Instant now) {
  switch (judge(message, now)) {
    case Next::kDone:
      finish(now);
      return true;
    case Next::kFallback:
      use_fallback(now);
      return true;
    case Next::kRepeat:
      ask(*channel_, now);
      return true;
    case Next::kWait:
      break;
  }
  saw_junk_ |= own_id;
  return false;
}

void Exchange::fail(const ChannelFailure& failure, Instant now) {
  switch (failure.kind) {
    case ChannelFailure::Kind::kNetwork:
      return network_failed(failure.error, now);
    case ChannelFailure::Kind::kClosed:
      note(ExchangeResult::kBadAnswer, "connection closed", now);
      if (!ask_again(now)) finish(now);
      return;
    case ChannelFailure::Kind::kJunk:
      saw_junk_ = true;
      doubtful_ = true;
      return use_fallback(now);
  }
}

void Exchange::compose(std::uint16_t id, bool mixed_case) {
  wire::UpstreamQuery query;
  query.id = id;
  query.question = key_->question;
  query.dnssec_ok = key_->dnssec_ok;
  query.checking_disabled = key_->checking_disabled;
  query.edns = edns_;
  query.wants_authentic = group_->settings.trusts_authentic;
  if (mixed_case && may_mix_case()) {
    const std::size_t name_size = key_->question.name.wire().size();
    resources_.entropy.fill(MutableBytes(query.case_bits).first((name_size + 7) / 8));
  }
  query_size_ = static_cast<std::uint16_t>(wire::write_upstream_query(query, query_));
}

/// Looks at what came: kDone with the outcome noted, or what to do instead.
Exchange::Next Exchange::judge(Bytes message, Instant now) {
  const auto letters = quirks().keeps_letters() ? wire::LetterCase::kExact : wire::LetterCase::kAny;
  const auto scrubbed = wire::scrub_answer(message, bytes(), letters, resources_.scrubbed);
  if (scrubbed || scrubbed.error() == wire::AnswerFault::kRcode) {
    said_ = {resources_.scrubbed.rcode, resources_.scrubbed.extended_error};
  }
  if (scrubbed) {
    resources_.scrubbed.authentic &= group_->settings.trusts_authentic;
    if (edns_) {
      quirks().replied_with_edns();
    } else {
      quirks().answered_without_edns(refused_edns_, now);
    }
    answer_ = cache::make_answer(*key_, resources_.scrubbed, resources_.limits, now);
    note(ExchangeResult::kAnswered, "answer", now);
    return Next::kDone;
  }
  switch (scrubbed.error()) {
    case wire::AnswerFault::kNotOurs:
      return Next::kWait;
    case wire::AnswerFault::kTruncated:
      replied_ = true;
      [[fallthrough]];
    case wire::AnswerFault::kWrongId:
      doubtful_ = scrubbed.error() == wire::AnswerFault::kWrongId;
      note(ExchangeResult::kSilent, to_string(scrubbed.error()), now);
      return Next::kFallback;
    case wire::AnswerFault::kMalformed:
      doubtful_ = true;
      note(ExchangeResult::kBadAnswer, to_string(scrubbed.error()), now);
      return Next::kFallback;
    case wire::AnswerFault::kEndless:
      note(ExchangeResult::kBadAnswer, to_string(scrubbed.error()), now);
      return Next::kDone;
    case wire::AnswerFault::kLetters:
      return judge_letters();
    case wire::AnswerFault::kRcode:
      return judge_rcode(message.size() > wire::kHeaderSize, now);
  }
  return Next::kWait;
}

/// Somebody's guess, or a server that changes letters.
Exchange::Next Exchange::judge_letters() {
  quirks().changed_letters(key_->hash);
  return quirks().keeps_letters() ? Next::kWait : Next::kRepeat;
}

/// A header alone has neither question nor letters, so it says no more than silence does of what a
/// server can take.
Exchange::Next Exchange::judge_rcode(bool whole, Instant now) {
  const wire::Rcode rcode = resources_.scrubbed.rcode;
  note(ExchangeResult::kBadAnswer, to_string(rcode), now);
  if (!edns_ || (rcode != wire::Rcode::kFormErr && rcode != wire::Rcode::kNotImp)) {
    return Next::kDone;
  }
  replied_ = true;
  edns_ = false;
  refused_edns_ = whole;
  return Next::kRepeat;
}

/// Not where junk came before, which may be a server's that changes them. Docker's resolver
/// before 24.0 looks for names of reverse zones in small letters only, and nobody can forge what
/// comes from loopback.
bool Exchange::may_mix_case() const noexcept {
  static const wire::DomainName kReverse = *wire::DomainName::from_text("arpa");
  const bool reverse = key_->question.name.is_at_or_below(kReverse);
  return !small_letters_ && quirks().keeps_letters() &&
         !(reverse && group_->server(server_).endpoint.address.is_loopback());
}

void Exchange::network_failed(int error, Instant now) {
  // Of the zone of a link-local server.
  const std::string words = error == ENODEV ? "no interface has this name or index"
                                            : std::generic_category().message(error);
  const sys::NetnsRef& netns = group_->netns;
  const bool no_namespace = !netns.own() && !netns.identity();
  const std::string server = group_->server(server_).endpoint.to_string();
  const std::string at = netns.own() ? server : server + "@" + netns.text();
  log::repeated("upstream " + at,
                fmt::format("upstream {}: {}", at,
                            no_namespace ? "the network namespace is missing" : words));
  note(sys::is_local_lack(error) ? ExchangeResult::kNoSocket : ExchangeResult::kUnreachable, words,
       now);
  if (!ask_again(now)) finish(now);
}

void Exchange::note(ExchangeResult outcome, std::string_view words, Instant now) {
  outcome_ = outcome;
  if (!log::enabled(log::Level::kExchange)) return;
  const std::chrono::duration<double, std::milli> time = now - started_;
  log::write(
      log::Level::kExchange,
      fmt::format("{} {} {} {}: {} in {:.1f} ms", group_->server(server_).endpoint.to_string(),
                  channel_->name(), key_->question.name.to_text(), to_string(key_->question.type),
                  words, time.count()));
}

void Exchange::finish(Instant now) {
  cancel();
  owner_.ended(*this, now);
}

}  // namespace nxgate::forward
