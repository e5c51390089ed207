#include "engine/connection.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <netinet/in.h>

#include "base/address.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "engine/decision.h"
#include "engine/egress.h"
#include "policy/connection_checks.h"
#include "policy/egress.h"
#include "policy/policy.h"
#include "wire/name.h"

namespace nxgate::engine {
namespace {

struct VerdictText {
  std::string_view word;
  std::string_view words;
  std::string_view help;
};

constexpr std::array<VerdictText, 8> kTexts{{
    {"prohibited", "no policy covers this client", "see [[clients]]"},
    {"name-denied", "the name isn't allowed", "a rule of `allow` would allow it"},
    {"port-denied", "the name isn't allowed at this port",
     "a rule such as `NAME:PORT` would allow it"},
    {"address-denied", "the address is one that is never open",
     "a range of `always` would open it"},
    {"not-told", "the client wasn't told this address for this name",
     "it must ask nxgate for the name; a range of `always` needs no answer"},
    {"no-name", "it says no name",
     "`unnamed = \"address\"` or a range of `always` would let it pass"},
    {"unreadable", "what it says isn't understood", ""},
    {"allowed", "allowed", ""},
}};

const VerdictText& text_of(ConnectionVerdict verdict) noexcept {
  return kTexts[static_cast<std::size_t>(verdict)];
}

bool always_covers(const policy::Egress& egress, const Endpoint& to) {
  return std::ranges::any_of(egress.always, [&](const policy::Reach& reach) {
    return reach.to.contains(to.address) &&
           (!reach.port || *reach.port == Port{IPPROTO_TCP, to.port});
  });
}

/// With the name for which the address is open in `opener`, if it is.
ConnectionVerdict judge_unnamed(const policy::Policy& policy, const Endpoint& to, Instant now,
                                std::optional<wire::DomainName>& opener) {
  const policy::ConnectionChecks& checks = policy.egress->checks;
  const bool expected = checks.at(to.port) != policy::NameIn::kNowhere;
  if (expected && checks.unnamed == policy::Unnamed::kDeny) return ConnectionVerdict::kNoName;
  opener = policy.sets->opener(to.address, {IPPROTO_TCP, to.port}, now);
  return opener ? ConnectionVerdict::kAllowed : ConnectionVerdict::kNotTold;
}

/// With what the name may open in `openable`, if it is kAllowed.
ConnectionVerdict judge_port(const Judgement& judgement, const wire::DomainName& name,
                             const Port& port, Instant now, std::optional<Openable>& openable) {
  if (!judgement.allowed()) return ConnectionVerdict::kNameDenied;
  openable = openable_by(judgement, name, now);
  return openable && openable->has(port) ? ConnectionVerdict::kAllowed
                                         : ConnectionVerdict::kPortDenied;
}

ConnectionVerdict judge_named(const policy::Policy& policy, const Judgement& judgement,
                              const ConnectionQuestion& question, bool always, Instant now) {
  const Port port{IPPROTO_TCP, question.to.port};
  std::optional<Openable> openable;
  const ConnectionVerdict at_port = judge_port(judgement, *question.name, port, now, openable);
  if (at_port != ConnectionVerdict::kAllowed) return at_port;
  if (always) return ConnectionVerdict::kAllowed;
  if (!openable->covers(question.to.address, port)) return ConnectionVerdict::kAddressDenied;
  const bool told = std::ranges::any_of(question.clients, [&](ClientKey client) {
    return policy.sets->was_told(client, *question.name, question.to.address, now);
  });
  return told ? ConnectionVerdict::kAllowed : ConnectionVerdict::kNotTold;
}

}  // namespace

ConnectionDecision judge_connection(const policy::Policy* policy,
                                    const ConnectionQuestion& question, Instant now) {
  ConnectionDecision decision;
  if (policy == nullptr || !policy->egress || !policy->sets) return decision;
  decision.judgement.policy = policy;
  decision.always = always_covers(*policy->egress, question.to);
  if (question.name != nullptr) {
    decision.judgement = judge(*policy, *question.name, now);
    decision.verdict = judge_named(*policy, decision.judgement, question, decision.always, now);
  } else {
    decision.verdict = decision.always ? ConnectionVerdict::kAllowed
                                       : judge_unnamed(*policy, question.to, now, decision.opener);
  }
  return decision;
}

ConnectionDecision judge_name(const policy::Policy* policy, const wire::DomainName& name,
                              std::uint16_t port, Instant now) {
  ConnectionDecision decision;
  if (policy == nullptr || !policy->egress) return decision;
  decision.judgement = judge(*policy, name, now);
  std::optional<Openable> openable;
  decision.verdict = judge_port(decision.judgement, name, {IPPROTO_TCP, port}, now, openable);
  return decision;
}

std::string_view to_string(ConnectionVerdict verdict) noexcept { return text_of(verdict).word; }

std::string_view in_words(ConnectionVerdict verdict) noexcept { return text_of(verdict).words; }

std::string_view what_helps(ConnectionVerdict verdict) noexcept { return text_of(verdict).help; }

}  // namespace nxgate::engine
