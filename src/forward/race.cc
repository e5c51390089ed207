#include "forward/race.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include "base/clock.h"
#include "cache/cache.h"
#include "engine/snapshot.h"
#include "engine/upstream.h"
#include "forward/exchange.h"
#include "forward/health.h"
#include "forward/probe.h"

namespace nxgate::forward {
namespace {

using boost::asio::awaitable;

constexpr Milliseconds kLeastShare{200};

Microseconds since(Instant start, Instant now) {
  return std::chrono::duration_cast<Microseconds>(now - start);
}

}  // namespace

Race::Race(Bench& bench, std::shared_ptr<const engine::UpstreamGroup> group,
           std::shared_ptr<GroupHealth> health, const cache::Key& key)
    : bench_(bench),
      group_(std::move(group)),
      health_(std::move(health)),
      key_(key),
      wake_(bench.loop) {
  attempts_.reserve(kMostAttempts);
}

awaitable<engine::UpstreamResult> Race::run() {
  Instant now = Clock::now();
  deadline_ = now + group_->timeout;
  check_ = deadline_ - group_->timeout / 3;
  next_start_ = now;
  plan_ = health_->order(now);
  if (plan_.size() == 1) plan_.push_back(plan_.front());
  plan_.resize(std::min(plan_.size(), kMostAttempts));
  while (!answer_ && now < deadline_) {
    if (can_start() && now >= next_start_) {
      start_next(now);
    } else if (!can_start() && !any_running()) {
      break;
    } else if (now >= check_) {
      check_ = deadline_;
      check_silent();
    } else if (!std::exchange(changed_, false)) {
      wake_.expires_at(can_start() ? std::min(next_start_, check_) : check_);
      boost::system::error_code cancelled;
      co_await wake_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
    }
    now = Clock::now();
  }
  note_silence(now);
  co_return result();
}

void Race::start_next(Instant now) {
  const std::size_t server = plan_[attempts_.size()];
  const bool junk = std::ranges::any_of(attempts_, [server](const Attempt& earlier) {
    return earlier.server == server && earlier.exchange->saw_junk();
  });
  next_start_ = now + share(server, now);
  attempts_.push_back(
      {server,
       std::make_shared<Exchange>(bench_, group_->servers[server], group_->netns, key_, junk),
       now});
  boost::asio::co_spawn(bench_.loop, attempt(shared_from_this(), attempts_.size() - 1),
                        boost::asio::detached);
}

awaitable<void> Race::attempt(std::shared_ptr<Race> self, std::size_t index) {
  const std::shared_ptr<Exchange> exchange = self->attempts_[index].exchange;
  Reply reply = co_await exchange->run();
  self->ended(self->attempts_[index], std::move(reply));
}

/// Takes note of how an attempt ended, unless it was cancelled because the race is over.
void Race::ended(Attempt& attempt, Reply reply) {
  if (!attempt.running) return;
  attempt.running = false;
  attempt.outcome = reply.outcome;
  const Instant now = Clock::now();
  ServerHealth& server = health_->server(attempt.server);
  switch (reply.outcome) {
    case Outcome::kAnswered:
      server.answered(now, since(attempt.started, now));
      answer_ = std::move(reply.answer);
      break;
    case Outcome::kBadAnswer:
      server.reached(now);
      break;
    case Outcome::kUnreachable:
      note_miss(attempt.server, now, Microseconds(0));
      break;
    case Outcome::kSilent:
    case Outcome::kNoSocket:
      break;
  }
  give_up_on(attempt);
  next_start_ = now;
  changed_ = true;
  wake_.cancel();
}

/// What a server said once it would say again: its other attempts and planned ones are ended.
void Race::give_up_on(const Attempt& ended) {
  std::erase_if(plan_, [&, place = std::size_t{0}](std::size_t planned) mutable {
    return place++ >= attempts_.size() && planned == ended.server;
  });
  for (Attempt& other : attempts_) {
    if (!other.running || other.server != ended.server) continue;
    other.running = false;
    other.outcome = ended.outcome;
    other.exchange->cancel();
  }
}

/// How long `server` has before the next one is asked too.
Milliseconds Race::share(std::size_t server, Instant now) const {
  const auto left = std::chrono::duration_cast<Milliseconds>(deadline_ - now);
  const auto to_come = static_cast<Milliseconds::rep>(plan_.size() - attempts_.size());
  if (to_come == 1) return left;
  if (plan_.back() == server) return left / 3;
  const auto usual =
      std::chrono::duration_cast<Milliseconds>(3 * health_->server(server).smoothed_rtt());
  return std::min(std::max(usual, kLeastShare), left / to_come);
}

bool Race::any_running() const noexcept {
  return std::ranges::any_of(attempts_, &Attempt::running);
}

/// Ends what still runs. A server that was silent through its share has missed the question, once,
/// unless it replied to a repetition.
void Race::note_silence(Instant now) {
  for (Attempt& attempt : attempts_) {
    if (!attempt.running) continue;
    attempt.running = false;
    attempt.exchange->cancel();
    const bool counted_otherwise = std::ranges::any_of(attempts_, [&](const Attempt& other) {
      return other.server == attempt.server && &other != &attempt &&
             (other.outcome != Outcome::kSilent || &other < &attempt);
    });
    const bool passed_over = &attempt != &attempts_.back() || now >= deadline_;
    if (passed_over && !counted_otherwise) {
      note_miss(attempt.server, now, since(attempt.started, now));
    }
  }
}

/// Silence may be the name's fault. Before it counts against a server that has said nothing else
/// meanwhile, the server is asked for something that it knows.
void Race::check_silent() {
  for (const Attempt& attempt : attempts_) {
    ServerHealth& server = health_->server(attempt.server);
    if (!attempt.running || server.replied_since(attempt.started) || !server.claim_check()) {
      continue;
    }
    boost::asio::co_spawn(bench_.loop,
                          check_silent_server(bench_, Probe{group_, health_, attempt.server, key_}),
                          boost::asio::detached);
  }
}

/// A server whose TCP is filtered still answers whatever fits UDP: names with large answers must
/// not take it out for all others.
void Race::note_miss(std::size_t server, Instant now, Microseconds waited) {
  const bool replied = std::ranges::any_of(attempts_, [server](const Attempt& attempt) {
    return attempt.server == server && attempt.exchange->replied();
  });
  if (replied) {
    health_->server(server).reached(now);
  } else {
    health_->server(server).missed(now, waited);
  }
}

engine::UpstreamResult Race::result() const {
  using engine::UpstreamFailure;
  if (answer_) return {answer_, UpstreamFailure::kNone};
  const auto any = [this](Outcome outcome) {
    return std::ranges::any_of(
        attempts_, [outcome](const Attempt& attempt) { return attempt.outcome == outcome; });
  };
  if (any(Outcome::kBadAnswer)) return {nullptr, UpstreamFailure::kBadAnswer};
  if (any(Outcome::kSilent)) return {nullptr, UpstreamFailure::kTimeout};
  if (any(Outcome::kUnreachable)) return {nullptr, UpstreamFailure::kUnreachable};
  return {nullptr,
          any(Outcome::kNoSocket) ? UpstreamFailure::kOverload : UpstreamFailure::kRemembered};
}

}  // namespace nxgate::forward
