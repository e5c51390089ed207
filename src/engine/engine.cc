#include "engine/engine.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/snapshot.h"
#include "cache/cache.h"
#include "engine/client_identity.h"
#include "engine/debug_log.h"
#include "engine/decision.h"
#include "engine/egress.h"
#include "engine/granting.h"
#include "engine/name_budget.h"
#include "engine/pending.h"
#include "engine/responder.h"
#include "engine/snapshot.h"
#include "engine/upstream.h"
#include "policy/exfiltration.h"
#include "telemetry/counters.h"
#include "wire/name.h"
#include "wire/query.h"
#include "wire/reply.h"
#include "wire/types.h"

namespace nxgate::engine {
namespace {

using telemetry::Counter;

/// An answer in the last tenth of its life is asked for anew when somebody still wants it.
constexpr std::uint32_t kPrefetchShare = 10;

Handled sent(std::size_t size) noexcept {
  return {size == 0 ? Disposition::kDrop : Disposition::kReply, size};
}

Counter counter_of(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::kProhibited:
    case Outcome::kDeny:
    case Outcome::kTransfer:
      return Counter::kDenied;
    case Outcome::kAncestor:
    case Outcome::kSuppressed:
      return Counter::kNoData;
    case Outcome::kLocal:
    case Outcome::kAny:
      return Counter::kLocal;
    case Outcome::kForward:
      return Counter::kForwarded;
  }
  return Counter::kDropped;
}

wire::Rcode rcode_of(Bytes reply) noexcept { return static_cast<wire::Rcode>(reply[3] & 0xF); }

/// Nobody where there is no firewall, which spares the hash.
Asker asker_of(const Request& request, const Decision& decision) noexcept {
  return has_firewall(decision) ? Asker{client_of(request)} : Asker();
}

}  // namespace

Engine::Engine(const SnapshotCell<Snapshot>& snapshots, cache::Cache& cache, Upstream& upstream,
               telemetry::Counters& counters, NameBudget& budget, Observer* observer)
    : reader_(snapshots),
      snapshot_(reader_.refresh()),
      cache_(cache),
      upstream_(upstream),
      counters_(counters),
      budget_(budget),
      observer_(observer),
      scratch_(wire::kLargestMessage) {}

Engine::~Engine() = default;

void Engine::refresh() {
  const auto& current = reader_.refresh();
  if (current != snapshot_) snapshot_ = current;
  if (observer_ != nullptr) observer_->refresh();
}

Handled Engine::answer_now(const Request& request, MutableBytes out) {
  const bool stream = request.transport == Transport::kTcp;
  counters_.add(stream ? Counter::kTcpQueries : Counter::kUdpQueries);
  if (request.allowance == ReplyAllowance::kNothing) {
    counters_.add(Counter::kRateLimited);
    return {};
  }
  const wire::Query query = wire::parse_query(request.message);
  if (query.parsed == wire::Parsed::kDrop) {
    counters_.add(Counter::kDropped);
    return {};
  }
  ReplyContext context{out, wire::reply_limit(query, stream),
                       reply_edns(query, *snapshot_, request.client, request.transport)};
  if (query.parsed != wire::Parsed::kQuery) {
    counters_.add(Counter::kMalformed);
    log_rejection(request.client, query);
    return sent(write_rejection(query, context));
  }
  if (query.question.qclass != wire::Class::kIn) {
    log_rejection(request.client, query);
    return sent(write_other_class(query, *snapshot_, context));
  }
  if (wire::is_meta(query.question.type) && query.question.type != wire::Type::kAny &&
      query.question.type != wire::Type::kAxfr && query.question.type != wire::Type::kIxfr) {
    counters_.add(Counter::kMalformed);
    wire::Query broken = query;
    broken.parsed = wire::Parsed::kFormErr;
    return sent(write_rejection(broken, context));
  }
  if (request.allowance == ReplyAllowance::kTruncated) {
    counters_.add(Counter::kRateLimited);
    return sent(write_truncated(query, context));
  }
  return answer_question(request, query, context);
}

Handled Engine::answer_question(const Request& request, const wire::Query& query,
                                ReplyContext& context) {
  Decision decision = decide(*snapshot_, query.question, request.client.address,
                             request.listener_policy, request.received);
  if (decision.outcome == Outcome::kForward && decision.policy->exfiltration) {
    charge(request, query.question, decision);
  }
  if (decision.exceeded != nullptr) counters_.add(Counter::kExfiltration);
  Conclusion conclusion{.client = request.client,
                        .transport = request.transport,
                        .message = request.message,
                        .query = query,
                        .decision = decision,
                        .snapshot = snapshot_,
                        .received = request.received};
  if (decision.outcome != Outcome::kForward) {
    if (request.allowance == ReplyAllowance::kNoDenial &&
        counter_of(decision.outcome) != Counter::kLocal) {
      counters_.add(Counter::kShed);
      return {};
    }
    counters_.add(counter_of(decision.outcome));
    std::size_t size = write_decided(query, *snapshot_, decision, context);
    size = apply_egress(query, *snapshot_, decision, asker_of(request, decision), size,
                        request.received, context);
    conclude(conclusion, size, context.out);
    return sent(size);
  }
  const cache::Key key{
      .question = {decision.asked, query.question.type, query.question.qclass},
      .hash = decision.asked_hash,
      .group = snapshot_->groups[decision.upstream].identity,
      .dnssec_ok = query.dnssec_ok(),
      .checking_disabled = query.checking_disabled(),
      .part = cache_part_of(*decision.policy, request.client.address),
  };
  auto cached = cache_.find(key, request.received);
  const bool fresh = cached && cache::elapsed_seconds(*cached, request.received) < cached->ttl;
  if (fresh && !cached->open) {
    counters_.add(Counter::kCacheHits);
    if (has_targets(*cached)) {
      grant_targets(query.question.name, decision, *cached, request.received);
    }
    if (snapshot_->options.prefetch) prefetch(request, key, *cached);
    std::size_t size = write_answer(query, decision, *cached, request.received, context);
    size = apply_egress(query, *snapshot_, decision, asker_of(request, decision), size,
                        request.received, context);
    conclusion.source = Source::kCache;
    conclude(conclusion, size, context.out);
    return sent(size);
  }
  counters_.add(Counter::kForwarded);
  pending_ = std::make_unique<Pending>();
  pending_->snapshot = snapshot_;
  pending_->query = query;
  std::ranges::copy(query.question_wire, pending_->question.begin());
  pending_->query.question_wire = Bytes(pending_->question).first(query.question_wire.size());
  if (observer_ != nullptr && observer_->wants_messages()) {
    pending_->message.assign(request.message.begin(), request.message.end());
  }
  pending_->decision = decision;
  if (decision.granted && has_firewall(decision)) {
    pending_->granted =
        std::make_unique<Granted>(grants_of(query.question.name, decision, request.received));
  }
  pending_->key = key;
  if (fresh) pending_->chain = std::make_unique<Chain>(key, std::move(cached));
  if (cached && !cached->open) pending_->stale = std::move(cached);
  pending_->client = request.client;
  pending_->client_key = client_of(request);
  pending_->transport = request.transport;
  pending_->received = request.received;
  return {Disposition::kPending, 0};
}

/// Denies the one new name too many.
void Engine::charge(const Request& request, const wire::Question& question, Decision& decision) {
  const std::uint32_t most = decision.policy->exfiltration->new_names;
  if (most == 0 || !(decision.granted || !chosen_labels(question.name, decision).empty())) return;
  // A name tells its owner something even if no answer comes back to a forged address.
  const ClientKey client =
      budget_client_of(*decision.policy, request.client.address, request.listener_policy);
  if (!budget_.spend(client, question.name, most, request.received)) {
    deny_for(policy::kNewNames, decision);
  }
}

/// What leaves in place of a whole reply of `size` bytes, once the firewall is open for it.
std::size_t Engine::apply_egress(const wire::Query& query, const Snapshot& snapshot,
                                 const Decision& decision, const Asker& asker, std::size_t size,
                                 Instant now, ReplyContext& context) {
  if (!has_firewall(decision)) return size;
  const EgressResult result =
      engine::apply_egress(query, decision, asker, context.out.first(size), now, found_);
  counters_.add(Counter::kFilteredAddresses, result.cut);
  switch (result.status) {
    case EgressStatus::kOpen:
      return result.size;
    case EgressStatus::kFiltered:
      return write_filtered(query, snapshot, decision, "never", context);
    case EgressStatus::kNoPorts:
      return write_filtered(query, snapshot, decision, "no ports in common", context);
    case EgressStatus::kShut:
      break;
  }
  counters_.add(Counter::kFirewallFailures);
  return write_shut(query, decision, context);
}

void Engine::prefetch(const Request& request, const cache::Key& key, const cache::Answer& answer) {
  const std::uint32_t left = answer.ttl - cache::elapsed_seconds(answer, request.received);
  if (left > answer.ttl / kPrefetchShare || answer.refreshing.exchange(true)) return;
  upstream_.submit(key, client_of(request), [](const UpstreamResult&) {});
}

void Engine::conclude(const Conclusion& conclusion, std::size_t size, Bytes reply) {
  const auto& [client, transport, message, query, decision, snapshot, received, source, failure] =
      conclusion;
  const bool answered = size != 0;
  const wire::Rcode rcode = answered ? rcode_of(reply) : wire::Rcode{};
  const std::uint8_t policy = decision.policy == nullptr ? 0 : decision.policy->slot;
  counters_.answered(
      {policy, answer_class_of(decision.outcome, source), transport == Transport::kTcp});
  if (answered) counters_.replied(static_cast<std::uint8_t>(rcode), transport == Transport::kTcp);
  if (log::enabled(log::Level::kQuery)) {
    log_query(client, query, decision, source, failure, received);
  }
  if (observer_ == nullptr || !observer_->interested()) return;
  const Instant now = Clock::now();
  observer_->saw({.at = std::chrono::system_clock::now(),
                  .concluded = now,
                  .taken = now - received,
                  .client = client,
                  .transport = transport,
                  .question = query.question,
                  .judgement = decision,
                  .outcome = decision.outcome,
                  .source = source,
                  .failure = failure,
                  .answered = answered,
                  .rcode = rcode,
                  .snapshot = snapshot,
                  .query = message,
                  .reply = reply.first(size),
                  .kept = nullptr});
}

}  // namespace nxgate::engine
