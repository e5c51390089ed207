#include "forward/race.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/client_key.h"
#include "base/clock.h"
#include "cache/cache.h"
#include "engine/upstream.h"
#include "forward/alarm.h"
#include "forward/exchange.h"
#include "forward/group.h"
#include "forward/health.h"
#include "forward/last_exchanges.h"
#include "forward/probe.h"

namespace nxgate::forward {
namespace {

constexpr Milliseconds kLeastShare{200};
/// What a client is kept waiting by a group of which nothing is known.
constexpr Milliseconds kSilence{1000};

Microseconds since(Instant start, Instant now) {
  return std::chrono::duration_cast<Microseconds>(now - start);
}

}  // namespace

Race::Race(WorkerResources& resources, Owner& owner)
    : resources_(resources),
      owner_(owner),
      attempts_{{{.exchange{resources, *this}},
                 {.exchange{resources, *this}},
                 {.exchange{resources, *this}}}} {}

void Race::start(std::shared_ptr<Group> group, const cache::Key& key, ClientKey client,
                 Instant now) {
  group_ = std::move(group);
  key_ = key;
  client_ = client;
  begun_ = 0;
  const Milliseconds silence = std::min(kSilence, group_->settings.timeout);
  silence_ = now + silence;
  deadline_ = now + group_->settings.timeout;
  give_up_ = silence_;
  end_ = Instant::max();
  check_ = silence_ - silence / 3;
  next_start_ = now;
  late_ = false;
  plan_ = group_->health->plan(now);
  if (plan_.size() == 1) plan_.push_back(plan_.front());
  advance(now);
}

void Race::advance(Instant now) {
  advancing_ = true;
  while (!answer_ && now < end_) {
    if (now >= give_up_) {
      give_up(now);
    } else if (can_start() && now >= next_start_) {
      start_next(now);
    } else if (!can_start() && !any_running()) {
      break;
    } else if (now >= check_) {
      check_ = Instant::max();
      check_silent();
    } else {
      advancing_ = false;
      const Instant next = std::min({give_up_, check_, end_});
      resources_.alarms.set(*this, can_start() ? std::min(next, next_start_) : next);
      return;
    }
  }
  advancing_ = false;
  Alarms::call_off(*this);
  note_silence(now);
  stop();
  owner_.ended(*this, result());
}

/// Those who wait are told, unless there is reason to wait longer. From then on it only listens.
void Race::give_up(Instant now) {
  give_up_ = patience(now);
  if (now < give_up_) return;
  give_up_ = check_ = Instant::max();
  plan_.resize(begun_);
  note_silence(now);
  late_ = true;
  end_ = now + owner_.gave_up(*this, result().failure, now);
}

/// How long an answer may be waited for, as far as is known now.
Instant Race::patience(Instant now) {
  if (now >= deadline_) return deadline_;
  if (owner_.can_do_without(*this)) return silence_;
  Instant until = silence_;
  for (const Attempt& attempt : begun()) {
    if (!attempt.running) continue;
    const ServerHealth& server = group_->health->server(attempt.server);
    if (server.replied_since(attempt.started)) return deadline_;
    until = std::max(until, silence_ + 2 * server.slowest());
  }
  return std::min(until, deadline_);
}

void Race::start_next(Instant now) {
  const std::size_t server = plan_[begun_];
  const auto before = [&](auto condition) {
    return std::ranges::any_of(begun(), [&](const Attempt& earlier) {
      return earlier.server == server && condition(earlier);
    });
  };
  const bool junk = before([](const Attempt& earlier) { return earlier.exchange.saw_junk(); });
  const bool silent = before([](const Attempt&) { return true; });
  const bool plain = silent && !key_.dnssec_ok && !group_->health->server(server).quirks.proven();
  next_start_ = now + share(server, now);
  Attempt& next = attempts_[begun_++];
  next.server = server;
  next.started = now;
  next.running = true;
  next.missed = false;
  next.outcome = ExchangeResult::kSilent;
  next.exchange.start(group_, server, key_, {.by_fallback = junk, .without_edns = plain}, now);
}

void Race::ended(Exchange& exchange, Instant now) {
  Attempt& attempt =
      *std::ranges::find(attempts_, &exchange, [](Attempt& each) { return &each.exchange; });
  attempt.running = false;
  attempt.outcome = exchange.outcome();
  ServerHealth& server = group_->health->server(attempt.server);
  if (!attempt.missed) server.note(attempt.outcome);
  switch (attempt.outcome) {
    case ExchangeResult::kAnswered:
      server.answered(now, since(attempt.started, now));
      answer_ = exchange.take_answer();
      break;
    case ExchangeResult::kBadAnswer:
      server.reached(now);
      break;
    case ExchangeResult::kUnreachable:
      note_miss(attempt.server, now, Microseconds(0));
      break;
    case ExchangeResult::kSilent:
    case ExchangeResult::kNoSocket:
      break;
  }
  give_up_on(attempt);
  next_start_ = now;
  if (!advancing_) advance(now);
}

/// What a server said once it would say again: its other attempts and planned ones are ended.
void Race::give_up_on(const Attempt& ended) {
  const auto planned = plan_.begin() + static_cast<std::ptrdiff_t>(begun_);
  plan_.erase(std::remove(planned, plan_.end(), ended.server), plan_.end());
  for (Attempt& other : begun()) {
    if (!other.running || other.server != ended.server) continue;
    other.running = false;
    other.outcome = ended.outcome;
    other.exchange.cancel();
  }
}

/// How long `server` has before the next one is asked too.
Milliseconds Race::share(std::size_t server, Instant now) const {
  const auto left = std::chrono::duration_cast<Milliseconds>(std::max(silence_ - now, {}));
  const auto to_come = static_cast<Milliseconds::rep>(plan_.size() - begun_);
  if (to_come == 1) return left;
  if (plan_.back() == server) return left / 3;
  const auto usual =
      std::chrono::duration_cast<Milliseconds>(3 * group_->health->server(server).smoothed_rtt());
  return std::min(std::max(usual, kLeastShare), left / to_come);
}

bool Race::any_running() const noexcept { return std::ranges::any_of(begun(), &Attempt::running); }

/// A server that was silent through its share has missed the question, once, unless it replied to a
/// repetition.
void Race::note_silence(Instant now) {
  for (Attempt& attempt : begun()) {
    if (!attempt.running || attempt.missed) continue;
    const bool counted_otherwise = std::ranges::any_of(begun(), [&](const Attempt& other) {
      return other.server == attempt.server && &other != &attempt &&
             (other.outcome != ExchangeResult::kSilent || &other < &attempt);
    });
    const bool passed_over = &attempt != &begun().back() || give_up_ == Instant::max();
    attempt.missed = passed_over;
    if (passed_over && !counted_otherwise) {
      group_->health->server(attempt.server).note(ExchangeResult::kSilent);
      note_miss(attempt.server, now, since(attempt.started, now));
    }
  }
}

void Race::stop() {
  for (Attempt& attempt : begun()) {
    if (std::exchange(attempt.running, false)) attempt.exchange.cancel();
  }
}

/// Silence may be the name's fault. Before it counts against a server that has said nothing else
/// meanwhile, the server is asked for something that it knows.
void Race::check_silent() {
  for (const Attempt& attempt : begun()) {
    ServerHealth& server = group_->health->server(attempt.server);
    if (!attempt.running || server.replied_since(attempt.started) || !server.claim_check()) {
      continue;
    }
    boost::asio::co_spawn(resources_.loop,
                          check_silent_server(resources_, Probe{group_, attempt.server, key_}),
                          boost::asio::detached);
  }
}

/// A server whose TCP is filtered still answers whatever fits UDP: names with large answers must
/// not take it out for all others.
void Race::note_miss(std::size_t server, Instant now, Microseconds waited) {
  const bool replied = std::ranges::any_of(begun(), [server](const Attempt& attempt) {
    return attempt.server == server && attempt.exchange.replied();
  });
  if (replied) {
    group_->health->server(server).reached(now);
  } else {
    group_->health->server(server).missed(now, waited);
  }
}

engine::UpstreamResult Race::result() {
  using engine::UpstreamFailure;
  if (answer_) return {std::exchange(answer_, nullptr), UpstreamFailure::kNone};
  const auto any = [this](ExchangeResult outcome) {
    return std::ranges::any_of(
        begun(), [outcome](const Attempt& attempt) { return attempt.outcome == outcome; });
  };
  if (any(ExchangeResult::kBadAnswer)) return {nullptr, UpstreamFailure::kBadAnswer};
  if (any(ExchangeResult::kSilent)) return {nullptr, UpstreamFailure::kTimeout};
  if (any(ExchangeResult::kUnreachable)) return {nullptr, UpstreamFailure::kUnreachable};
  return {nullptr, any(ExchangeResult::kNoSocket) ? UpstreamFailure::kOverload
                                                  : UpstreamFailure::kRemembered};
}

std::optional<LastExchange> Race::last(engine::UpstreamFailure failure, Instant now) const {
  for (const ExchangeResult outcome :
       {ExchangeResult::kAnswered, ExchangeResult::kBadAnswer, ExchangeResult::kSilent,
        ExchangeResult::kUnreachable, ExchangeResult::kNoSocket}) {
    for (const Attempt& attempt : begun()) {
      if (attempt.outcome != outcome) continue;
      return LastExchange{now, failure, group_->server(attempt.server), attempt.exchange.said()};
    }
  }
  return std::nullopt;
}

}  // namespace nxgate::forward
