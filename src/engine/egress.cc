#include "engine/egress.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "engine/decision.h"
#include "engine/snapshot.h"
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

bool is_neighbour(const Decision& decision) noexcept {
  const policy::Policy& policy = *decision.policy;
  return policy.neighbours && decision.local == &policy.neighbours->data &&
         decision.match.verdict == policy::Verdict::kLocal;
}

/// Those of its rule or of the rule that led to it, else the policy's; other containers have all.
Ports ports_for(const wire::Question& question, const Decision& decision) {
  if (is_neighbour(decision)) return {};
  const policy::Policy& policy = *decision.policy;
  if (decision.granted) {
    return policy.grants->ports_of(question.name).value_or(policy.egress->ports);
  }
  return policy.ports_of(decision.match);
}

/// An audit changes no answer. Other containers have private addresses.
wire::AddressEdit edit_for(const policy::Egress& egress, const Decision& decision) noexcept {
  wire::AddressEdit edit{.never = {},
                         .never_private = false,
                         .strip_hints = egress.strip_hints,
                         .strip_ech = egress.strip_ech,
                         .largest_ttl = egress.most_ttl};
  if (egress.mode == policy::EgressMode::kAudit) return edit;
  edit.never = egress.never;
  edit.never_private = egress.never_private && !is_neighbour(decision);
  return edit;
}

}  // namespace

Led lead_out(const wire::Query& query, const Decision& decision, MutableBytes reply, Instant now,
             std::vector<wire::FoundAddress>& found) {
  if (!is_fenced(decision) || reply.empty() || !leads_somewhere(query.question.type)) {
    return {Passage::kOpen, reply.size()};
  }
  const policy::Policy* const policy = decision.policy;
  const policy::Egress& egress = *policy->egress;
  const wire::EditedReply edited = wire::edit_addresses(reply, edit_for(egress, decision), found);
  if (edited.size == 0) return {};
  if (found.empty()) {
    return {edited.cut == 0 ? Passage::kOpen : Passage::kFiltered, edited.size, edited.cut};
  }
  const Ports ports = ports_for(query.question, decision);
  const bool open = policy->sets->admit(
      {.name = query.question.name, .addresses = found, .ports = ports, .grace = egress.grace},
      now);
  return {open ? Passage::kOpen : Passage::kShut, edited.size, edited.cut};
}

bool opens(const Snapshot& snapshot, std::string_view listener_policy, std::string_view name,
           const IpAddress& address, const Port& port, Instant now) {
  const auto parsed = wire::DomainName::from_text(name);
  if (!parsed) return false;
  const wire::Question question{
      .name = *parsed, .type = wire::Type::kA, .qclass = wire::Class::kIn};
  const Decision decision = decide(snapshot, question, {}, listener_policy, now);
  if (decision.outcome != Outcome::kForward && decision.outcome != Outcome::kLocal &&
      decision.outcome != Outcome::kSuppressed) {
    return false;
  }
  if (!decision.policy->egress ||
      wire::is_never(address, edit_for(*decision.policy->egress, decision))) {
    return false;
  }
  const Ports ports = ports_for(question, decision);
  return ports.empty() ? port == Port{} : std::ranges::find(ports, port) != ports.end();
}

}  // namespace nxgate::engine
