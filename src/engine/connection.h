// The decision about a connection that says whom it is for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/address.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "engine/decision.h"
#include "policy/policy.h"
#include "wire/name.h"

namespace nxgate::engine {

enum class ConnectionVerdict : std::uint8_t {
  kNoPolicy = 0,   ///< none with checks covers the client
  kNameDenied,     ///< the policy doesn't allow the name
  kPortDenied,     ///< it does, but not at this port
  kAddressDenied,  ///< the address is closed to everybody
  kNotTold,        ///< the client wasn't told this address for this name
  kNoName,         ///< it says none, and the policy asks for one
  kUnreadable,     ///< what it says can't be understood, or isn't said in time
  kAllowed,
};

/// A connection about to be made for a client.
struct ConnectionQuestion {
  const wire::DomainName* name = nullptr;  ///< null if it says none, or an address
  Endpoint to;
  std::span<const ClientKey> clients;  ///< what this client counts as where it asks for names
};

struct ConnectionDecision {
  Judgement judgement;  ///< of the name; without a policy if there is none
  ConnectionVerdict verdict = ConnectionVerdict::kNoPolicy;
  bool always = false;  ///< `always` covers the address, so that no answer is needed
  std::optional<wire::DomainName>
      opener{};  ///< of the address, if that alone was judged and is open

  [[nodiscard]] bool allowed() const noexcept { return verdict == ConnectionVerdict::kAllowed; }
};

/// Decides by the policy as it is now: the name must be allowed at that port, and the address be
/// one that the client was told for it or that `always` covers. Without a name, whatever `always`
/// covers passes, and what is open where the policy lets an address do, or where none is said. The
/// relay and `explain` share it. Any thread; takes the lock of the policy's firewall.
[[nodiscard]] ConnectionDecision judge_connection(const policy::Policy* policy,
                                                  const ConnectionQuestion& question, Instant now);

/// The part of that decision which depends on the name and the TCP port alone: kNameDenied,
/// kPortDenied, or kAllowed if it is up to the address. kNoPolicy without a firewall.
[[nodiscard]] ConnectionDecision judge_name(const policy::Policy* policy,
                                            const wire::DomainName& name, std::uint16_t port,
                                            Instant now);

/// In a word, as events have it: `name-denied`.
[[nodiscard]] std::string_view to_string(ConnectionVerdict verdict) noexcept;
/// In words: `the name isn't allowed`.
[[nodiscard]] std::string_view in_words(ConnectionVerdict verdict) noexcept;
/// What would have it pass, for the operator; empty if nothing would.
[[nodiscard]] std::string_view what_helps(ConnectionVerdict verdict) noexcept;

}  // namespace nxgate::engine
