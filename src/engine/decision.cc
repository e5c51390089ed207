#include "engine/decision.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "engine/snapshot.h"
#include "policy/exfiltration.h"
#include "policy/local_data.h"
#include "policy/matcher.h"
#include "policy/policy.h"
#include "wire/name.h"
#include "wire/query.h"
#include "wire/types.h"

namespace nxgate::engine {
namespace {

using policy::Verdict;

const policy::Policy* policy_for(const Snapshot& snapshot, const IpAddress& client,
                                 std::string_view listener_policy) noexcept {
  return listener_policy.empty() ? snapshot.policies.select(client)
                                 : snapshot.policies.find(listener_policy);
}

/// Leaves of `match` what `matcher` allows as well.
void narrow(const policy::Matcher& matcher, const wire::SuffixHashes& hashes, Judgement& judgement,
            policy::Match& match) noexcept {
  const policy::Match theirs = matcher.match(hashes);
  Verdict narrower = theirs.verdict;
  judgement.forbidden = judgement.forbidden || (narrower == Verdict::kDeny && theirs.by_rule());
  if (narrower == Verdict::kAllow || match.verdict == Verdict::kDeny) return;
  // Such as localhost.
  if (narrower == Verdict::kLocal && match.verdict == Verdict::kLocal) return;
  // It answers the name by itself and asks nobody for it.
  if (narrower == Verdict::kLocal) narrower = Verdict::kDeny;
  judgement.narrowed = true;
  // A rule that denied stays the one that did, so that no grant lifts it.
  if (match.verdict != Verdict::kAncestor) {
    match = {.verdict = narrower, .route = match.route};
  } else {
    match.verdict = narrower;
  }
}

/// The verdict on a name: that of the rules, of what narrows them, and of the neighbours.
[[gnu::always_inline]] inline policy::Match match_by(const policy::Policy& policy,
                                                     const wire::SuffixHashes& hashes,
                                                     Judgement& judgement) noexcept {
  policy::Match match = policy.matcher->match(hashes);
  judgement.local = policy.local.get();
  if (policy.neighbours && match.verdict != Verdict::kLocal) {
    const policy::Match neighbour = policy.neighbours->matcher.match(hashes);
    if (neighbour.verdict == Verdict::kLocal) {
      judgement.local = &policy.neighbours->data;
      return neighbour;
    }
    if (neighbour.verdict == Verdict::kAncestor && match.verdict == Verdict::kDeny) {
      match.verdict = Verdict::kAncestor;
      return match;
    }
  }
  if (policy.narrowing) narrow(*policy.narrowing, hashes, judgement, match);
  for (const auto& other : policy.others) narrow(*other, hashes, judgement, match);
  return match;
}

/// Applies the limits that depend only on the name.
void limit(const wire::DomainName& name, Judgement& judgement) noexcept {
  const policy::Policy& policy = *judgement.policy;
  if (!policy.exfiltration) return;
  const policy::Asked asked{chosen_labels(name, judgement), std::nullopt};
  judgement.exceeded = exceeded_limit(*policy.exfiltration, asked);
}

/// Whether a name gives grants still.
bool is_root(const policy::Policy& policy, const wire::DomainName& name) noexcept {
  Judgement judgement{.policy = &policy};
  const wire::SuffixHashes hashes(name, wire::process_hash_key());
  judgement.match = match_by(policy, hashes, judgement);
  limit(name, judgement);
  return judgement.allowed();
}

/// A name of its own is for nobody else to tell, also where what narrows the policy denies it.
bool is_own(const policy::Policy& policy, const wire::SuffixHashes& hashes) noexcept {
  return policy.matcher->match(hashes).verdict == Verdict::kLocal;
}

/// Lifts the default if there is a grant.
[[gnu::noinline]] void take_grant(const policy::Policy& policy, const wire::DomainName& name,
                                  const wire::SuffixHashes& hashes, Instant now,
                                  Judgement& judgement) noexcept {
  judgement.granted = !standing_grants(policy.grants->aliases, policy, name, hashes, now).empty();
  if (judgement.granted || !policy.service_targets) return;
  judgement.granted = judgement.addresses_only =
      !standing_grants(policy.grants->services, policy, name, hashes, now).empty();
}

/// All of a judgement but limits. Inlined, since every query goes through it.
[[gnu::always_inline]] inline void judge_by(const policy::Policy& policy,
                                            const wire::DomainName& name,
                                            const wire::SuffixHashes& hashes, Instant now,
                                            Judgement& judgement) noexcept {
  judgement.policy = &policy;
  judgement.match = match_by(policy, hashes, judgement);
  if (judgement.allowed()) return;
  // A grant lifts the default only; an explicit deny rule stays.
  if (judgement.match.by_rule() || judgement.forbidden) return;
  const policy::Grants& grants = *policy.grants;
  if (grants.aliases.may_hold(hashes) || grants.services.may_hold(hashes)) {
    take_grant(policy, name, hashes, now, judgement);
  }
}

std::uint16_t upstream_for(const policy::Policy& policy, const policy::Match& match) noexcept {
  return match.route == policy::Match::kNoRoute ? policy.upstream
                                                : policy.routes[match.route].upstream;
}

/// Forwards to the upstream of the name that matched so.
void forward(const policy::Match& match, std::uint64_t hash, Decision& decision) noexcept {
  decision.outcome = Outcome::kForward;
  decision.asked_hash = hash;
  decision.upstream = upstream_for(*decision.policy, match);
  if (decision.upstream != policy::Route::kNowhere) return;
  decision.nowhere = true;
  decision.outcome = Outcome::kDeny;
}

bool suppresses(const policy::Policy& policy, wire::Type type) noexcept {
  const auto& types = policy.suppressed_types;
  return std::ranges::find(types, type) != types.end();
}

/// Turns a local name into what it means for this type: records of its own, or a chain of local
/// CNAMEs that leads to a name somebody else must be asked for.
void follow_local(const wire::Question& question, Decision& decision) noexcept {
  const policy::Policy& policy = *decision.policy;
  decision.outcome = Outcome::kLocal;
  for (int links = 0; links < kLongestLocalChain; ++links) {
    const wire::SuffixHashes hashes(decision.asked, wire::process_hash_key());
    const policy::Match match = links == 0 ? decision.match : policy.matcher->match(hashes);
    if (match.verdict != Verdict::kLocal) {
      // The operator's own CNAME led here, so its target is granted whatever the rules say; it has
      // no type that names asked for directly don't have.
      forward(match, hashes.whole(), decision);
      if (suppresses(policy, question.type)) decision.outcome = Outcome::kSuppressed;
      return;
    }
    const auto* const cname = cname_to_follow(decision.local->find(hashes), question.type);
    if (cname == nullptr) return;
    const auto target = wire::DomainName::parse(cname->rdata);
    if (!target) return;
    decision.asked = *target;
  }
}

/// The outcome for a name that the policy doesn't deny.
Outcome outcome_for_existing(const policy::Policy& policy, wire::Type type, bool local) noexcept {
  if (type == wire::Type::kAny) return Outcome::kAny;
  if (type == wire::Type::kAxfr || type == wire::Type::kIxfr) return Outcome::kTransfer;
  if (local) return Outcome::kLocal;
  return suppresses(policy, type) ? Outcome::kSuppressed : Outcome::kForward;
}

}  // namespace

const policy::LocalRecord* cname_to_follow(std::span<const policy::LocalRecord> records,
                                           wire::Type qtype) noexcept {
  const policy::LocalRecord* cname = nullptr;
  for (const policy::LocalRecord& record : records) {
    if (record.type == qtype) return nullptr;
    if (record.type == wire::Type::kCname) cname = &record;
  }
  return cname;
}

Judgement judge(const policy::Policy& policy, const wire::DomainName& name, Instant now) noexcept {
  Judgement judgement;
  judge_by(policy, name, wire::SuffixHashes(name, wire::process_hash_key()), now, judgement);
  limit(name, judgement);
  return judgement;
}

Decision decide(const Snapshot& snapshot, const wire::Question& question, const IpAddress& client,
                std::string_view listener_policy, Instant now) noexcept {
  Decision decision;
  const policy::Policy* const covers = policy_for(snapshot, client, listener_policy);
  if (covers == nullptr) return decision;
  const policy::Policy& policy = *covers;

  const wire::SuffixHashes hashes(question.name, wire::process_hash_key());
  judge_by(policy, question.name, hashes, now, decision);
  const Verdict verdict = decision.match.verdict;
  if (!decision.allowed()) {
    decision.outcome = verdict == Verdict::kDeny ? Outcome::kDeny : Outcome::kAncestor;
    return decision;
  }
  decision.outcome = outcome_for_existing(policy, question.type, verdict == Verdict::kLocal);
  const bool address = question.type == wire::Type::kA || question.type == wire::Type::kAaaa;
  if (decision.addresses_only && !address) decision.outcome = Outcome::kSuppressed;
  if (decision.outcome != Outcome::kLocal && decision.outcome != Outcome::kForward) return decision;
  decision.asked = question.name;
  if (decision.outcome == Outcome::kForward) forward(decision.match, hashes.whole(), decision);
  if (decision.outcome == Outcome::kLocal) follow_local(question, decision);
  if (decision.outcome == Outcome::kForward && policy.exfiltration) {
    const policy::Asked asked{chosen_labels(question.name, decision), question.type};
    if (const auto* limit = exceeded_limit(*policy.exfiltration, asked)) deny_for(*limit, decision);
  }
  return decision;
}

Decision decide_target(const policy::Policy& policy, const wire::Question& target,
                       Instant now) noexcept {
  Decision decision;
  const wire::SuffixHashes hashes(target.name, wire::process_hash_key());
  judge_by(policy, target.name, hashes, now, decision);
  const bool denied = decision.match.verdict == Verdict::kDeny && decision.match.by_rule();
  const bool lost = decision.match.verdict != Verdict::kLocal && is_own(policy, hashes);
  if (denied || lost || decision.forbidden) {
    decision.outcome = Outcome::kDeny;
    return decision;
  }
  decision.asked = target.name;
  if (decision.match.verdict == Verdict::kLocal) {
    follow_local(target, decision);
  } else {
    forward(decision.match, hashes.whole(), decision);
  }
  return decision;
}

policy::GrantTable::Held standing_grants(const policy::GrantTable& table,
                                         const policy::Policy& policy, const wire::DomainName& name,
                                         const wire::SuffixHashes& hashes, Instant now) noexcept {
  policy::GrantTable::Held held = table.find(name, hashes, now);
  if (!held.empty() && is_own(policy, hashes)) held.clear();
  const auto fell = [&](const policy::Grant& grant) { return !is_root(policy, grant.root); };
  held.erase(std::remove_if(held.begin(), held.end(), fell), held.end());
  return held;
}

Bytes chosen_labels(const wire::DomainName& name, const Judgement& judgement) noexcept {
  if (judgement.match.verdict != Verdict::kAllow || !judgement.match.by_rule()) return {};
  return policy::labels_below(name.wire(),
                              judgement.policy->matcher->rule_name(judgement.match).wire());
}

void deny_for(const policy::Limit& exceeded, Decision& decision) noexcept {
  decision.exceeded = &exceeded;
  decision.outcome = exceeded.nodata ? Outcome::kSuppressed : Outcome::kDeny;
}

}  // namespace nxgate::engine
