// The reason for a decision, and its only wording.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "engine/decision.h"
#include "policy/exfiltration.h"
#include "policy/matcher.h"
#include "policy/policy.h"

namespace nxgate::engine {

enum class DecidedBy : std::uint8_t {
  kNoPolicy = 0,  ///< none covers the client
  kDefault,       ///< no rule matches the name
  kRule,
  kLocalData,
  kAncestor,   ///< no rule matches the name, but an allowed or local name is below it
  kGrant,      ///< an allowed name led to it
  kNarrowing,  ///< a restriction of the policy for this container
  kNowhere,    ///< a special name, for which no upstream may be asked
  kLimit,      ///< a limit of `[policies.NAME.exfiltration]`
};

/// What decided. Extended errors, the log, `explain`, events and dnstap all use the wording of the
/// functions below. Valid as long as the policy.
struct Reason {
  DecidedBy by = DecidedBy::kNoPolicy;
  const policy::Policy* policy = nullptr;  ///< null for kNoPolicy only
  policy::Match match{};                   ///< for kRule: which
  const policy::Limit* limit = nullptr;    ///< for kLimit: which
  bool suppressed = false;                 ///< the name exists, but the policy suppresses this type
  bool addresses_only = false;             ///< and has no type but A and AAAA
};

[[nodiscard]] Reason reason_of(const Judgement& judgement, Outcome outcome) noexcept;
[[nodiscard]] inline Reason reason_of(const Decision& decision) noexcept {
  return reason_of(decision, decision.outcome);
}

/// What decided in a word: the rule as it stands in a list, else `default`, `local data`,
/// `ancestor`, `granted`, `narrowed`, `special name`, `exfiltration.LIMIT`, `no policy`.
[[nodiscard]] std::string rule_of(const Reason& reason);

/// Writes `policy=NAME rule=WORD`, and ` suppress-types` for a suppressed type or ` addresses
/// only`, to the front of `out`; returns the size. What doesn't fit is left out. No allocation;
/// never throws.
std::size_t write_text(const Reason& reason, std::span<char> out) noexcept;
/// The same, whole.
[[nodiscard]] std::string to_string(const Reason& reason);

/// The word with what it means, or with the rule's action and place: `allow "a.test" (list:3:1)`,
/// `default: no rule matches this name`.
[[nodiscard]] std::string in_full(const Reason& reason);

}  // namespace nxgate::engine
