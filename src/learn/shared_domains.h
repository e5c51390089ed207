// Registered domains whose names belong to many parties.
#pragma once

#include "wire/name.h"

namespace nxgate::learn {

/// Whether a rule for all names below `suffix` would let in names of parties other than the one
/// asked for: it is the root or a public suffix (private section included), or it lies above public
/// suffixes as `amazonaws.com` does. Any thread.
[[nodiscard]] bool is_shared(const wire::DomainName& suffix);

}  // namespace nxgate::learn
