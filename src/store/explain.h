// What a question would get, in words.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.h"
#include "engine/snapshot.h"
#include "wire/query.h"

namespace nxgate::store {

/// What was found out, by name: `verdict`, `denied: NXDOMAIN`.
using Facts = std::vector<std::pair<std::string, std::string>>;

/// Decides by the very function that serves, and tells the policy, the rule with its place, the
/// verdict and the upstream. `listener_policy` as for engine::decide.
[[nodiscard]] Facts explain(const engine::Snapshot& snapshot, const wire::Question& question,
                            const IpAddress& client, std::string_view listener_policy = {});

/// One a line.
[[nodiscard]] std::string to_text(const Facts& facts);

}  // namespace nxgate::store
