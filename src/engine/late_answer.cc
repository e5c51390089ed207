// Answers that had to wait for an upstream: the part of `Engine` behind `forward`.
#include <cstddef>
#include <memory>
#include <utility>

#include <fmt/core.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "base/log.h"
#include "cache/cache.h"
#include "engine/chain.h"
#include "engine/debug_log.h"
#include "engine/decision.h"
#include "engine/egress.h"
#include "engine/engine.h"
#include "engine/granting.h"
#include "engine/pending.h"
#include "engine/responder.h"
#include "engine/upstream.h"
#include "telemetry/counters.h"
#include "wire/reply.h"

namespace nxgate::engine {
namespace {

using telemetry::Counter;

/// Says who is told that too much of it waits.
void log_overload(const Decision& decision, const Endpoint& client) {
  const std::string& container = decision.policy->container;
  log::repeated("waiting queries " + container,
                fmt::format("{}: too many of its queries are waiting for an upstream, or no socket "
                            "is left; further queries fail at once",
                            container.empty() ? client.address.to_string() : container));
}

}  // namespace

void Engine::forward(LateReply reply) {
  std::unique_ptr<Pending> pending = std::move(pending_);
  pending->reply = std::move(reply);
  if (pending->chain) return follow(std::move(pending));
  const cache::Key key = pending->key;
  ask(std::move(pending), key);
}

void Engine::ask(std::unique_ptr<Pending> pending, const cache::Key& key) {
  const ClientKey client = pending->client_key;
  upstream_.submit(key, client,
                   [this, waiting = std::move(pending)](const UpstreamResult& result) mutable {
                     answered(std::move(waiting), result);
                   });
}

void Engine::answered(std::unique_ptr<Pending> pending, const UpstreamResult& result) {
  if (!result.answer) return finish(*pending, result);
  if (pending->chain) return extend(std::move(pending), result.answer.get());
  if (!result.answer->open) return finish(*pending, result);
  pending->chain = std::make_unique<Chain>(pending->key, result.answer);
  follow(std::move(pending));
}

/// Looks for the end of an open chain: in the cache, among local records, at the upstream.
void Engine::follow(std::unique_ptr<Pending> pending) {
  Chain& chain = *pending->chain;
  const Instant now = Clock::now();
  if (!chain.next(*pending->decision.policy, now)) {
    return finish(*pending, {nullptr, UpstreamFailure::kBadAnswer});
  }
  if (chain.decision().outcome == Outcome::kDeny) return finish(*pending, {});
  if (chain.decision().outcome != Outcome::kForward) return extend(std::move(pending), nullptr);
  const cache::Key key = chain.next_key(*pending->snapshot);
  const auto cached = cache_.find(key, now);
  if (cached && cache::elapsed_seconds(*cached, now) < cached->ttl) {
    return extend(std::move(pending), cached.get());
  }
  ask(std::move(pending), key);
}

void Engine::extend(std::unique_ptr<Pending> pending, const cache::Answer* answer) {
  Chain& chain = *pending->chain;
  if (!chain.extend(*pending->snapshot, answer, cache_.limits(), Clock::now())) {
    return finish(*pending, {nullptr, UpstreamFailure::kBadAnswer});
  }
  if (chain.open()) return follow(std::move(pending));
  finish(*pending, {chain.answer(), UpstreamFailure::kNone});
}

void Engine::finish(Pending& pending, const UpstreamResult& result) {
  const Instant now = Clock::now();
  ReplyContext context{
      scratch_, wire::reply_limit(pending.query, pending.transport == Transport::kTcp),
      reply_edns(pending.query, *pending.snapshot, pending.client, pending.transport)};
  const bool denied = pending.chain && pending.chain->decision().outcome == Outcome::kDeny;
  const auto& answer = result.answer ? result.answer : pending.stale;
  if (!result.answer && !denied) counters_.add(Counter::kUpstreamFailures);
  if (result.failure == UpstreamFailure::kOverload) log_overload(pending.decision, pending.client);
  std::size_t size = 0;
  if (denied) {
    pending.decision = pending.chain->decision();
    size = write_decided(pending.query, *pending.snapshot, pending.decision, context);
  } else if (answer) {
    if (!result.answer) counters_.add(Counter::kStaleAnswers);
    grant_targets(pending.query.question.name, pending.decision, *answer, now);
    size = write_answer(pending.query, pending.decision, *answer, now, context);
    const Asker asker{pending.client_key, pending.granted.get()};
    size =
        apply_egress(pending.query, *pending.snapshot, pending.decision, asker, size, now, context);
  } else {
    size =
        write_failure(pending.query, *pending.snapshot, pending.decision, result.failure, context);
  }
  counters_.waits.add(now - pending.received);
  if (observer_ != nullptr) observer_->refresh();
  conclude({.client = pending.client,
            .transport = pending.transport,
            .message = pending.message,
            .query = pending.query,
            .decision = pending.decision,
            .snapshot = pending.snapshot,
            .received = pending.received,
            .source = denied          ? Source::kOwn
                      : result.answer ? Source::kUpstream
                      : answer        ? Source::kStale
                                      : Source::kFailure,
            .failure = result.failure},
           size, scratch_);
  pending.reply(Bytes(scratch_).first(size));
}

}  // namespace nxgate::engine
