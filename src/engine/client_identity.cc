#include "engine/client_identity.h"

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

#include "base/address.h"
#include "base/client_key.h"
#include "policy/policy.h"

namespace nxgate::engine {

ClientKey budget_client_of(const policy::Policy& policy, const IpAddress& address,
                           std::string_view listener) noexcept {
  if (!policy.budget_key.empty()) return client_behind(policy.budget_key);
  return listener.empty() ? client_at(address) : client_behind(listener);
}

std::uint64_t cache_part_named(std::string_view name) noexcept {
  return client_behind(name).value | 1;
}

std::uint64_t cache_part_of(const policy::Policy& policy, const IpAddress& address) noexcept {
  if (!policy.cache_by_address) return policy.cache_part;
  const auto client = std::bit_cast<std::array<std::uint8_t, 8>>(client_at(address).value);
  return keyed_hash(policy.cache_part, client);
}

}  // namespace nxgate::engine
