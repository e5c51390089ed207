// What a question would get, in words.
#pragma once

#include <string>

#include "base/address.h"
#include "engine/snapshot.h"
#include "wire/query.h"

namespace nxgate::app {

/// Decides by the very function that serves, and tells the policy, the rule with its place, the
/// verdict and the upstream, one a line.
[[nodiscard]] std::string explain(const engine::Snapshot& snapshot, const wire::Question& question,
                                  const IpAddress& client);

}  // namespace nxgate::app
