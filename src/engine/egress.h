// Applying a firewall to an answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "engine/decision.h"
#include "policy/grants.h"
#include "policy/policy.h"
#include "wire/address_edit.h"
#include "wire/name.h"
#include "wire/query.h"

namespace nxgate::engine {

enum class EgressStatus : std::uint8_t {
  kShut = 0,  ///< the firewall could not be opened; the answer must not leave
  kOpen,      ///< `size` bytes may leave
  kFiltered,  ///< every address was one that is never open
  kNoPorts,   ///< the rules that allow the name have no port in common
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

/// What a name is granted by.
struct Granted {
  policy::GrantTable::Held aliases;
  policy::GrantTable::Held services;

  [[nodiscard]] bool empty() const noexcept { return aliases.empty() && services.empty(); }
};

/// Of a granted name, as long as they stand; nothing of another.
[[nodiscard]] Granted grants_of(const wire::DomainName& name, const Judgement& judgement,
                                Instant now);

/// Who is about to be told an answer.
struct Asker {
  ClientKey client;
  /// By what the name was granted when it was asked for; null to look it up.
  const Granted* granted = nullptr;
};

/// Removes from a complete reply the addresses that its policy never opens, and opens the others
/// before the reply is sent. Replies of policies without a firewall are unchanged. `found` is
/// scratch memory.
[[nodiscard]] EgressResult apply_egress(const wire::Query& query, const Decision& decision,
                                        const Asker& asker, MutableBytes reply, Instant now,
                                        std::vector<wire::FoundAddress>& found);

/// What a name may open.
struct Openable {
  Ports ports;  ///< empty for any
  wire::AddressEdit edit;

  [[nodiscard]] bool has(const Port& port) const noexcept;
  [[nodiscard]] bool covers(const IpAddress& address, const Port& port) const noexcept;
};
/// Of a name that its policy has judged; nothing if it opens nothing. Only of a policy with a
/// firewall.
[[nodiscard]] std::optional<Openable> openable_by(const Judgement& judgement,
                                                  const wire::DomainName& name, Instant now);
/// By the policy, if there still is one, as it is now; nothing if the name isn't allowed.
[[nodiscard]] std::optional<Openable> openable_by(const policy::Policy* policy,
                                                  std::string_view name, Instant now);

}  // namespace nxgate::engine
