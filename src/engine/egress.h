// The part of an answer that concerns a firewall.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
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

/// Whether what a client is told must be open in a firewall.
[[nodiscard]] inline bool has_firewall(const Decision& decision) noexcept {
  return decision.policy != nullptr && decision.policy->sets && decision.policy->egress;
}

/// Takes out of a whole reply what its policy never opens, and opens the way to what is left,
/// before the client learns of it. Replies of policies without a firewall pass as they are.
/// `found` is for scratch.
[[nodiscard]] EgressResult apply_egress(const wire::Query& query, const Decision& decision,
                                        MutableBytes reply, Instant now,
                                        std::vector<wire::FoundAddress>& found);

/// Whether the policy, if there still is one, would open now what was opened for a name.
[[nodiscard]] bool opens(const policy::Policy* policy, std::string_view name,
                         const IpAddress& address, const Port& port, Instant now);

}  // namespace nxgate::engine
