// Names that no configuration has to mention.
#pragma once

#include "policy/local_data.h"
#include "policy/rule_set.h"

namespace nxgate::policy {

/// The file that the built-in rules' locations tell.
inline constexpr const char* kBuiltIn = "built-in";

/// Adds what RFC 6761 and RFC 7686 ask of every server: addresses of `localhost` and all names
/// below it, the names of the loopback addresses, and denial of `invalid` and `onion`, which must
/// not be asked upstream even by a policy that allows everything. Where the operator has a rule or
/// a record at such a name, that stands instead. Call when the operator's are all added.
void add_special_names(RuleSet& rules, LocalData& local);

}  // namespace nxgate::policy
