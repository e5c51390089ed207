// Applying a firewall to an answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "engine/decision.h"
#include "policy/policy.h"
#include "wire/address_edit.h"
#include "wire/query.h"

namespace nxgate::engine {

enum class EgressStatus : std::uint8_t {
  kShut = 0,  ///< the firewall could not be opened; the answer must not leave
  kOpen,      ///< `size` bytes may leave
  kFiltered,  ///< every address was one that is never open
};

struct EgressResult {
  EgressStatus status = EgressStatus::kShut;
  std::size_t size = 0;
  std::uint16_t cut = 0;  ///< addresses taken out
};

/// Whether the addresses in an answer must be open in a firewall: not those that a denial tells.
[[nodiscard]] inline bool has_firewall(const Decision& decision) noexcept {
  return decision.policy != nullptr && decision.policy->sets && decision.policy->egress &&
         decision.allowed();
}

/// Removes from a complete reply the addresses that its policy never opens, and opens the others
/// before the reply is sent. Replies of policies without a firewall are unchanged. `found` is
/// scratch memory.
[[nodiscard]] EgressResult apply_egress(const wire::Query& query, const Decision& decision,
                                        ClientKey client, MutableBytes reply, Instant now,
                                        std::vector<wire::FoundAddress>& found);

/// Whether the policy, if there still is one, would open now what was opened for a name.
[[nodiscard]] bool opens(const policy::Policy* policy, std::string_view name,
                         const IpAddress& address, const Port& port, Instant now);

}  // namespace nxgate::engine
