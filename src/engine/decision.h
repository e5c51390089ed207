// What is to be done with a question: the one function that serving and `explain` share.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "engine/excess.h"
#include "engine/snapshot.h"
#include "policy/local_data.h"
#include "policy/policy.h"
#include "wire/name.h"
#include "wire/query.h"

namespace nxgate::engine {

enum class Outcome : std::uint8_t {
  kProhibited = 0,  ///< no policy covers the client
  kDeny,            ///< the policy's denial
  kAncestor,        ///< NODATA: an allowed or local name lies below (RFC 8020)
  kSuppressed,      ///< NODATA: the policy suppresses this type
  kLocal,           ///< local data, or NODATA when it has none of this type
  kAny,             ///< an ANY question for a name that exists: HINFO (RFC 8482)
  kTransfer,        ///< AXFR or IXFR for a name that exists: refused
  kForward,         ///< cache, else upstream
};

struct Decision {
  Outcome outcome = Outcome::kProhibited;
  const policy::Policy* policy = nullptr;    ///< null for kProhibited only
  policy::Match match;                       ///< of the qname
  bool granted = false;                      ///< allowed only as the target of an allowed name
  bool narrowed = false;                     ///< denied only by what narrows the policy here
  bool forbidden = false;                    ///< by a rule of `others`, so that no grant lifts it
  Excess excess = Excess::kNone;             ///< the limit by which an allowed name was denied
  const policy::LocalData* local = nullptr;  ///< for kLocal: where the records are
  /// For kForward: what is asked, the qname or where local CNAMEs lead from it.
  wire::DomainName asked;
  std::uint64_t asked_hash = 0;  ///< of `asked`, by wire::process_hash_key
  std::uint16_t upstream = 0;    ///< for kForward: index into the snapshot's groups
};

/// The most local CNAMEs that are followed one after another.
inline constexpr int kLongestLocalChain = 8;

/// Decides by one snapshot. `listener_policy`, if not empty, names the policy whatever the client;
/// one that isn't there (any more) covers nobody.
/// No allocation; never throws; any thread.
[[nodiscard]] Decision decide(const Snapshot& snapshot, const wire::Question& question,
                              const IpAddress& client, std::string_view listener_policy,
                              Instant now) noexcept;

/// The labels of the qname that the client chose, below the rule that allows it; empty if another
/// name led to it.
[[nodiscard]] Bytes chosen_labels(const wire::Question& question,
                                  const Decision& decision) noexcept;

/// Denies for that excess what would be forwarded: NODATA for a type, else the policy's denial.
void deny_for(Excess excess, Decision& decision) noexcept;

/// The target of the CNAME among `records` if a question for `qtype` has to follow it, else null.
[[nodiscard]] const policy::LocalRecord* cname_to_follow(
    std::span<const policy::LocalRecord> records, wire::Type qtype) noexcept;

}  // namespace nxgate::engine
