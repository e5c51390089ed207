// How a query would be answered, in words.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.h"
#include "engine/decision.h"
#include "engine/snapshot.h"
#include "wire/query.h"

namespace nxgate::store {

/// The findings, by name: `verdict`, `denied: NXDOMAIN`.
using Facts = std::vector<std::pair<std::string, std::string>>;

/// Uses the same decision function as the server, and returns the policy, the rule with its
/// location, the verdict and the upstream. `listener_policy` as for engine::decide.
[[nodiscard]] Facts explain(const engine::Snapshot& snapshot, const wire::Question& question,
                            const IpAddress& client, std::string_view listener_policy = {});

/// The same of a decision that has been made.
[[nodiscard]] Facts explain(const engine::Snapshot& snapshot, const engine::Decision& decision,
                            const wire::Question& question, const IpAddress& client);

/// One a line.
[[nodiscard]] std::string to_text(const Facts& facts);

}  // namespace nxgate::store
