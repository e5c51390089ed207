// Which requests count as one client's.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/address.h"
#include "base/bytes.h"
#include "policy/policy.h"

namespace nxgate::engine {

/// A hash for which nobody outside can make two inputs collide, so that what is held is compared by
/// it alone. At most wire::kLongestName bytes count. Another seed is another hash.
[[nodiscard]] std::uint64_t keyed_hash(std::uint64_t seed, Bytes bytes) noexcept;

/// Who pays for a new name: the attached container or namespace, by what Policy::payer calls it;
/// else all that ask by `listener`, as Request::listener_policy calls it; else the client.
/// Addresses that one host may well have are one client: those of loopback, those of an IPv6 /64.
[[nodiscard]] std::uint64_t payer_of(const policy::Policy& policy, const IpAddress& address,
                                     std::string_view listener) noexcept;

/// The part of the cache that belongs to a policy, or to an attached container or namespace, of
/// this name. Never 0, which is everybody's part.
[[nodiscard]] std::uint64_t cache_part_named(std::string_view name) noexcept;

/// The part of the cache from which this client is answered; see Policy::cache_part.
[[nodiscard]] std::uint64_t cache_part_of(const policy::Policy& policy,
                                          const IpAddress& address) noexcept;

}  // namespace nxgate::engine
