#include "engine/granting.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "cache/cache.h"
#include "engine/decision.h"
#include "engine/responder.h"
#include "policy/grants.h"
#include "policy/policy.h"
#include "wire/name.h"

namespace nxgate::engine {

void grant_targets(const wire::DomainName& name, const Decision& decision,
                   const cache::Answer& answer, Instant now) {
  // An alias of the operator's own leads only those who ask for it.
  if (answer.targets.empty() || decision.asked != name) return;
  const policy::Policy& policy = *decision.policy;
  std::optional<policy::Grants::Held> own;
  if (decision.granted) {
    own = policy.grants->find(name, wire::SuffixHashes(name, wire::process_hash_key()), now);
    if (!own) return;
  }
  const std::uint32_t elapsed = cache::elapsed_seconds(answer, now);
  const std::uint32_t left = std::max(answer.ttl - std::min(answer.ttl, elapsed), kStaleTtl);
  const Instant until = std::min(now + Seconds(left), own ? own->until : Instant::max());
  for (const wire::DomainName& target : answer.targets) {
    const wire::DomainName& root = own ? own->root : name;
    if (policy.grants->grant(target, root, until)) continue;
    // The root of the one that is held may be denied by now.
    if (!judge(policy, target, now).allowed()) policy.grants->replace(target, root, until);
  }
}

}  // namespace nxgate::engine
