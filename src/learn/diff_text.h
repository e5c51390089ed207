// A proposal against the rules that a policy has.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "base/address.h"
#include "learn/proposal.h"
#include "policy/rule.h"
#include "wire/name.h"

namespace nxgate::learn {

/// The policy as it is now.
struct Current {
  /// Whether it allows a name for good: neither learning nor a temporary grant counts.
  std::function<bool(const wire::DomainName&)> allowed;
  /// The ports that it opens for a name that it allows; none for any, as without a firewall.
  std::function<Ports(const wire::DomainName&)> opened;
  /// Its rules that stand, of both actions.
  std::span<const policy::Rule> rules;
};

/// A line beginning with `+ ` for each proposed rule of which some name isn't allowed yet or some
/// port isn't open, and one beginning with `- ` for each allow rule that nothing observed needed or
/// in whose place another comes, with their reasons behind `#`; the rules to keep are counted in a
/// comment. A name is taken to need the rule with the longest match; names that never existed need
/// none, those set apart otherwise need theirs.
[[nodiscard]] std::string to_diff(const Proposal& proposal, const Current& current);

}  // namespace nxgate::learn
