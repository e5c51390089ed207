// Who pays for a new name, and from which part of the cache somebody is answered.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/address.h"
#include "base/client_key.h"
#include "policy/policy.h"

namespace nxgate::engine {

/// Who pays for a new name: the attached container or namespace, by what Policy::payer calls it;
/// else all that ask by `listener`, as Request::listener_policy calls it; else the client.
[[nodiscard]] ClientKey payer_of(const policy::Policy& policy, const IpAddress& address,
                                 std::string_view listener) noexcept;

/// The part of the cache that belongs to a policy, or to an attached container or namespace, of
/// this name. Never 0, which is everybody's part.
[[nodiscard]] std::uint64_t cache_part_named(std::string_view name) noexcept;

/// The part of the cache from which this client is answered; see Policy::cache_part.
[[nodiscard]] std::uint64_t cache_part_of(const policy::Policy& policy,
                                          const IpAddress& address) noexcept;

}  // namespace nxgate::engine
