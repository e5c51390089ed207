// A policy's judgement of a name, and the decision about a question.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "engine/snapshot.h"
#include "policy/exfiltration.h"
#include "policy/grants.h"
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

/// A policy's judgement of a name, for any client and type. Valid as long as the policy.
struct Judgement {
  const policy::Policy* policy = nullptr;  ///< null if none covers the client
  policy::Match match;
  bool granted = false;                      ///< allowed only as the target of an allowed name
  bool addresses_only = false;               ///< for types A and AAAA, as the target of a service
  bool narrowed = false;                     ///< denied only by what narrows the policy here
  bool nowhere = false;                      ///< allowed, but no upstream may be asked for it
  bool forbidden = false;                    ///< by a rule of `others`, so that no grant lifts it
  const policy::Limit* exceeded = nullptr;   ///< the limit by which an allowed name was denied
  const policy::LocalData* local = nullptr;  ///< for a local name: where the records are

  /// Whether the name exists for the policy's clients.
  [[nodiscard]] bool allowed() const noexcept {
    return exceeded == nullptr && !nowhere &&
           (granted || match.verdict == policy::Verdict::kAllow ||
            match.verdict == policy::Verdict::kLocal);
  }
};

/// The decision about a question. Only kProhibited has no policy.
struct Decision : Judgement {
  Outcome outcome = Outcome::kProhibited;
  /// For kForward: what is asked, the qname or where local CNAMEs lead from it.
  wire::DomainName asked;
  std::uint64_t asked_hash = 0;  ///< of `asked`, by wire::process_hash_key
  std::uint16_t upstream = 0;    ///< for kForward: index into the snapshot's groups
};

/// The most local CNAMEs that are followed one after another.
inline constexpr int kLongestLocalChain = 8;

/// Judges a bare name, for callers without a question: by the rules, restrictions, grants, and the
/// limits that depend only on the name. No allocation; never throws; any thread.
[[nodiscard]] Judgement judge(const policy::Policy& policy, const wire::DomainName& name,
                              Instant now) noexcept;

/// Decides about a question by one snapshot; serving and `explain` share it.
/// `listener_policy`, if not empty, names the policy whatever the client; one that isn't there (any
/// more) covers nobody. No allocation; never throws; any thread.
[[nodiscard]] Decision decide(const Snapshot& snapshot, const wire::Question& question,
                              const IpAddress& client, std::string_view listener_policy,
                              Instant now) noexcept;

/// The decision about the name at the end of a chain that answers to an allowed one led along. It
/// inherits: only a rule that denies it does. Records of its own come before an upstream.
[[nodiscard]] Decision decide_target(const policy::Policy& policy, const wire::Question& target,
                                     Instant now) noexcept;

/// The grants of the name whose root is allowed still, and gets no more than it does.
[[nodiscard]] policy::GrantTable::Held standing_grants(const policy::GrantTable& table,
                                                       const policy::Policy& policy,
                                                       const wire::DomainName& name,
                                                       const wire::SuffixHashes& hashes,
                                                       Instant now) noexcept;

/// The labels of the name that the client chose, below the rule that allows it; empty if another
/// name led to it.
[[nodiscard]] Bytes chosen_labels(const wire::DomainName& name,
                                  const Judgement& judgement) noexcept;

/// Denies what would be forwarded and exceeds that limit: as the policy denies, or by NODATA.
void deny_for(const policy::Limit& exceeded, Decision& decision) noexcept;

/// The target of the CNAME among `records` if a question for `qtype` has to follow it, else null.
[[nodiscard]] const policy::LocalRecord* cname_to_follow(
    std::span<const policy::LocalRecord> records, wire::Type qtype) noexcept;

}  // namespace nxgate::engine
