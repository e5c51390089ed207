// As which client somebody counts in the budget of new names, and which part of the cache is
// theirs.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/address.h"
#include "base/client_key.h"
#include "policy/policy.h"

namespace nxgate::engine {

/// The client whose budget a new name is charged to: the attached container or namespace, by
/// Policy::budget_key; else all clients of `listener` (Request::listener_policy); else the address.
[[nodiscard]] ClientKey budget_client_of(const policy::Policy& policy, const IpAddress& address,
                                         std::string_view listener) noexcept;

/// The part of the cache that belongs to a policy, or to an attached container or namespace, of
/// this name. Never 0, which is everybody's part.
[[nodiscard]] std::uint64_t cache_part_named(std::string_view name) noexcept;

/// The part of the cache from which this client is answered; see Policy::cache_part.
[[nodiscard]] std::uint64_t cache_part_of(const policy::Policy& policy,
                                          const IpAddress& address) noexcept;

}  // namespace nxgate::engine
