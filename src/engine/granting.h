// What an answer allows its client to ask for afterwards.
#pragma once

#include "base/clock.h"
#include "cache/cache.h"
#include "engine/decision.h"
#include "wire/name.h"
#include "wire/service_targets.h"

namespace nxgate::engine {

/// Remembers the names that an answer for `name` led the client to, for as long as it may be kept:
/// those of its chain, and the targets of services with the ports that the records tell;
/// if that is granted itself, not for longer than it is, or two names could keep each other alive.
void grant_targets(const wire::DomainName& name, const Decision& decision,
                   const cache::Answer& answer, Instant now);

/// Whether it could remember anything, which few answers let it.
[[nodiscard]] inline bool has_targets(const cache::Answer& answer) noexcept {
  return !answer.targets.empty() || wire::has_service_targets(answer.key.question.type);
}

}  // namespace nxgate::engine
