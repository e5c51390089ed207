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
#include "policy/grants.h"
#include "policy/matcher.h"
#include "policy/policy.h"
#include "wire/address_edit.h"
#include "wire/name.h"
#include "wire/query.h"
#include "wire/reply.h"
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

/// Empty for any.
Ports both(Ports ports, const Ports& more) {
  if (ports.empty() || more.empty()) return {};
  ports.insert(ports.end(), more.begin(), more.end());
  return ports;
}

/// What is opened by one name.
struct Opening {
  const wire::DomainName& name;
  Ports ports;  ///< empty for any
};
using Openings = std::vector<Opening>;

/// Of the rules of a name; other containers have all. Nothing if the rules have none in common.
std::optional<Ports> ports_by_rule(const wire::DomainName& name, const Judgement& judgement) {
  if (is_neighbour(judgement)) return Ports();
  const policy::Policy& policy = *judgement.policy;
  const bool alone = !policy.narrowing && policy.others.empty();
  if (alone && !judgement.granted) return policy.ports_of(judgement.match);
  return policy.ports_of(wire::SuffixHashes(name, wire::process_hash_key()));
}

/// What the rule of the service's name opens, if it has no port of its own, and the ports that were
/// told for it.
std::optional<Ports> ports_by_service(const policy::Grant& grant, const Judgement& judgement) {
  std::optional<Ports> ports;
  if (grant.by_rule) ports = ports_by_rule(grant.root, judgement);
  if (grant.ports.empty() || (ports && ports->empty())) return ports;
  const Ports told =
      judgement.policy->agreed_ports(wire::SuffixHashes(grant.root, wire::process_hash_key()),
                                     {grant.ports.begin(), grant.ports.end()});
  if (told.empty()) return ports;
  return ports ? both(*std::move(ports), told) : told;
}

/// An alias is opened for the allowed name, which a change of policy is about. A service's target
/// is opened for itself, since its ports aren't those of the allowed name.
Openings openings_of(const wire::DomainName& name, const Judgement& judgement,
                     const Granted& granted) {
  Openings openings;
  const auto add = [&openings](const wire::DomainName& opener, std::optional<Ports> ports) {
    if (ports) openings.push_back({opener, *std::move(ports)});
  };
  if (!judgement.granted) add(name, ports_by_rule(name, judgement));
  for (const policy::Grant& grant : granted.aliases) {
    add(grant.root, ports_by_rule(grant.root, judgement));
  }
  std::optional<Ports> told;
  for (const policy::Grant& grant : granted.services) {
    const auto ports = ports_by_service(grant, judgement);
    if (ports) told = told ? both(*std::move(told), *ports) : *ports;
  }
  add(name, std::move(told));
  return openings;
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

Granted grants_of(const wire::DomainName& name, const Judgement& judgement, Instant now) {
  if (!judgement.granted) return {};
  const policy::Policy& policy = *judgement.policy;
  const wire::SuffixHashes hashes(name, wire::process_hash_key());
  Granted granted;
  granted.aliases = standing_grants(policy.grants->aliases, policy, name, hashes, now);
  if (policy.service_targets) {
    granted.services = standing_grants(policy.grants->services, policy, name, hashes, now);
  }
  return granted;
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
  if (edited.size != reply.size()) wire::clear_authentic(reply);
  if (found.empty()) {
    return {edited.cut == 0 ? EgressStatus::kOpen : EgressStatus::kFiltered, edited.size,
            edited.cut};
  }
  // It was granted when it was asked for, and may not be any more.
  const wire::DomainName& name = query.question.name;
  const Granted granted =
      asker.granted != nullptr ? *asker.granted : grants_of(name, decision, now);
  if (decision.granted && granted.empty()) return {};
  const Openings openings = openings_of(name, decision, granted);
  if (openings.empty()) return {EgressStatus::kNoPorts, edited.size, edited.cut};
  const bool open = std::ranges::all_of(openings, [&](const Opening& opening) {
    return policy->sets->admit({.name = opening.name,
                                .asked = name,
                                .client = asker.client,
                                .addresses = found,
                                .ports = opening.ports,
                                .grace = egress.grace},
                               now);
  });
  return {open ? EgressStatus::kOpen : EgressStatus::kShut, edited.size, edited.cut};
}

bool Openable::has(const Port& port) const noexcept {
  return ports.empty() || std::ranges::find(ports, port) != ports.end();
}

bool Openable::covers(const IpAddress& address, const Port& port) const noexcept {
  return !wire::is_never(address, edit) && has(port);
}

std::optional<Openable> openable_by(const Judgement& judgement, const wire::DomainName& name,
                                    Instant now) {
  if (!judgement.allowed()) return std::nullopt;
  const Openings openings = openings_of(name, judgement, grants_of(name, judgement, now));
  if (openings.empty()) return std::nullopt;
  Ports ports = openings.front().ports;
  for (const Opening& opening : openings) ports = both(std::move(ports), opening.ports);
  return Openable{std::move(ports), edit_for(*judgement.policy->egress, judgement)};
}

std::optional<Openable> openable_by(const policy::Policy* policy, std::string_view name,
                                    Instant now) {
  const auto parsed = wire::DomainName::from_text(name);
  if (!parsed || policy == nullptr || !policy->egress || !policy->sets) return std::nullopt;
  return openable_by(judge(*policy, *parsed, now), *parsed, now);
}

}  // namespace nxgate::engine
