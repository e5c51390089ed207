#include "engine/granting.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include <netinet/in.h>

#include "base/clock.h"
#include "cache/cache.h"
#include "engine/decision.h"
#include "engine/egress.h"
#include "engine/responder.h"
#include "policy/grants.h"
#include "policy/policy.h"
#include "wire/name.h"
#include "wire/service_targets.h"

namespace nxgate::engine {

namespace {

/// The protocol that the name of a service tells (RFC 2782), as `_sip._udp.example` does; 0 for
/// any.
std::uint8_t protocol_of(const wire::DomainName& service) {
  const std::string text = service.to_text();
  const auto second = text.find('.') + 1;
  if (text.compare(second, 5, "_tcp.") == 0) return IPPROTO_TCP;
  if (text.compare(second, 5, "_udp.") == 0) return IPPROTO_UDP;
  return 0;
}

void add_port(std::uint16_t number, std::uint8_t protocol, policy::Grant& grant) {
  if (protocol != 0) {
    grant.ports.push_back({protocol, number});
  } else {
    grant.ports.push_back({IPPROTO_TCP, number});
    grant.ports.push_back({IPPROTO_UDP, number});
  }
}

}  // namespace

void grant_targets(const wire::DomainName& name, const Decision& decision,
                   const cache::Answer& answer, Instant now) {
  const policy::Policy& policy = *decision.policy;
  const bool services =
      policy.service_targets && wire::has_service_targets(answer.key.question.type);
  // An alias of the operator's own leads only those who ask for it.
  if ((answer.targets.empty() && !services) || decision.asked != name) return;
  const Granted own = grants_of(name, decision, now);
  if (decision.granted && own.empty()) return;
  policy::Grants& grants = *policy.grants;
  const std::uint32_t elapsed = cache::elapsed_seconds(answer, now);
  const std::uint32_t left = std::max(answer.ttl - std::min(answer.ttl, elapsed), kStaleTtl);
  const Instant until = now + Seconds(left);
  const auto inherited = [until](policy::Grant grant) {
    grant.until = std::min(grant.until, until);
    return grant;
  };
  const policy::Grant by_name{.root = name, .until = until};
  for (const wire::DomainName& target : answer.targets) {
    if (!decision.granted) grants.aliases.grant(target, by_name, now);
    for (const auto& each : own.aliases) grants.aliases.grant(target, inherited(each), now);
    for (const auto& each : own.services) grants.services.grant(target, inherited(each), now);
  }
  // What is granted for its addresses is asked for nothing else.
  if (!services || decision.addresses_only) return;
  const wire::DomainName& owner = answer.targets.empty() ? name : answer.targets.back();
  for (const wire::ServiceTarget& target :
       wire::service_targets(answer.body, answer.answers, answer.key.question.type)) {
    const auto put = [&](policy::Grant grant) {
      grant.by_rule = target.port == 0;
      if (target.port != 0) add_port(target.port, protocol_of(owner), grant);
      grants.services.grant(target.name, grant, now);
    };
    if (!decision.granted) put(by_name);
    for (const policy::Grant& each : own.aliases) put(inherited(each));
  }
}

}  // namespace nxgate::engine
