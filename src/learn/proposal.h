// A list of rules that what was learnt speaks for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "learn/record.h"
#include "policy/rule.h"
#include "wire/name.h"

namespace nxgate::learn {

/// Why a name is no part of the list.
enum class Noise : std::uint8_t {
  kReverse,       ///< the name of an address
  kService,       ///< SRV and its like: a label that begins with an underscore
  kTime,          ///< NTP
  kSearchDomain,  ///< a name that was asked for, with the client's search domain behind it
  kNonexistent,   ///< there was never such a name
};
[[nodiscard]] std::string_view to_string(Noise noise) noexcept;

using Evidence = std::pair<wire::DomainName, Seen>;

struct ProposedRule {
  policy::Scope scope = policy::Scope::kExact;
  wire::DomainName name;
  std::vector<Evidence> behind;  ///< what it is for
};

struct Proposal {
  std::vector<ProposedRule> rules;  ///< by registered domain, then by name
  std::vector<std::pair<Noise, Evidence>> apart;
};

/// From so many names with different labels directly below a suffix on, one rule for all below it
/// stands for them. Never at or above a public suffix, private ones included.
inline constexpr std::size_t kFoldFrom = 4;

[[nodiscard]] Proposal propose(const Record& record, std::size_t fold_from = kFoldFrom);

/// As a list for `allow-files`: a rule a line, what is behind it as a comment, and what is set
/// apart as comments at the end. `policy` is for the head.
[[nodiscard]] std::string to_list(const Proposal& proposal, const Record& record,
                                  std::string_view policy);

/// What would change against the rules that a policy has now: `+` a new rule, `-` a rule of theirs
/// that nothing which was seen needs.
[[nodiscard]] std::string to_diff(const Proposal& proposal, const std::vector<policy::Rule>& now);

}  // namespace nxgate::learn
