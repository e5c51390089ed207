#include "engine/egress.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "engine/decision.h"
#include "policy/egress.h"
#include "policy/matcher.h"
#include "policy/policy.h"
#include "wire/address_edit.h"
#include "wire/name.h"
#include "wire/query.h"
#include "wire/types.h"

namespace nxgate::engine {
namespace {

bool leads_somewhere(wire::Type type) noexcept {
  return type == wire::Type::kA || type == wire::Type::kAaaa || type == wire::Type::kSvcb ||
         type == wire::Type::kHttps;
}

bool is_neighbour(const Judgement& judgement) noexcept {
  const policy::Policy& policy = *judgement.policy;
  return policy.neighbours && judgement.local == &policy.neighbours->data &&
         judgement.match.verdict == policy::Verdict::kLocal;
}

/// Those of the rules of `opener`; other containers have all. Nothing if there are none.
std::optional<Ports> ports_for(const wire::DomainName& opener, const Judgement& judgement) {
  if (is_neighbour(judgement)) return Ports();
  const policy::Policy& policy = *judgement.policy;
  const bool alone = !policy.narrowing && policy.others.empty();
  if (alone && !judgement.granted) return policy.ports_of(judgement.match);
  return policy.ports_of(wire::SuffixHashes(opener, wire::process_hash_key()));
}

/// An audit changes no answer. Other containers have private addresses.
wire::AddressEdit edit_for(const policy::Egress& egress, const Judgement& judgement) noexcept {
  wire::AddressEdit edit{.never = {},
                         .never_private = false,
                         .strip_hints = egress.strip_hints,
                         .strip_ech = egress.strip_ech,
                         .largest_ttl = egress.most_ttl};
  if (egress.mode == policy::EgressMode::kAudit) return edit;
  edit.never = egress.never;
  edit.never_private = egress.never_private && !is_neighbour(judgement);
  return edit;
}

}  // namespace

std::optional<wire::DomainName> root_of(const wire::DomainName& name, const Judgement& judgement,
                                        Instant now) {
  if (!judgement.granted) return std::nullopt;
  const wire::SuffixHashes hashes(name, wire::process_hash_key());
  const auto held = judgement.policy->grants->find(name, hashes, now);
  return held ? std::optional(held->root) : std::nullopt;
}

EgressResult apply_egress(const wire::Query& query, const Decision& decision, const Asker& asker,
                          MutableBytes reply, Instant now, std::vector<wire::FoundAddress>& found) {
  if (!has_firewall(decision) || reply.empty() || !leads_somewhere(query.question.type)) {
    return {EgressStatus::kOpen, reply.size()};
  }
  const policy::Policy* const policy = decision.policy;
  const policy::Egress& egress = *policy->egress;
  const wire::EditedReply edited = wire::edit_addresses(reply, edit_for(egress, decision), found);
  if (edited.size == 0) return {};
  if (found.empty()) {
    return {edited.cut == 0 ? EgressStatus::kOpen : EgressStatus::kFiltered, edited.size,
            edited.cut};
  }
  // It was granted when it was asked for, and may not be any more.
  const auto root = asker.root == nullptr ? root_of(query.question.name, decision, now)
                                          : std::optional(*asker.root);
  if (decision.granted && !root) return {};
  const wire::DomainName& opener = root ? *root : query.question.name;
  const auto ports = ports_for(opener, decision);
  if (!ports) return {EgressStatus::kNoPorts, edited.size, edited.cut};
  const bool open = policy->sets->admit({.name = opener,
                                         .client = asker.client,
                                         .addresses = found,
                                         .ports = *ports,
                                         .grace = egress.grace},
                                        now);
  return {open ? EgressStatus::kOpen : EgressStatus::kShut, edited.size, edited.cut};
}

bool Openable::covers(const IpAddress& address, const Port& port) const noexcept {
  return !wire::is_never(address, edit) &&
         (ports.empty() || std::ranges::find(ports, port) != ports.end());
}

std::optional<Openable> openable_by(const policy::Policy* policy, std::string_view name,
                                    Instant now) {
  const auto parsed = wire::DomainName::from_text(name);
  if (!parsed || policy == nullptr || !policy->egress || !policy->sets) return std::nullopt;
  const Judgement judgement = judge(*policy, *parsed, now);
  if (!judgement.allowed()) return std::nullopt;
  auto ports = ports_for(root_of(*parsed, judgement, now).value_or(*parsed), judgement);
  if (!ports) return std::nullopt;
  return Openable{*std::move(ports), edit_for(*policy->egress, judgement)};
}

}  // namespace nxgate::engine
