// What a process got from the one that started it, and lets go of.
#pragma once

#include <span>
#include <vector>

namespace nxgate::sys {

/// Closes all descriptors but these, in any order. The error is ignored: there is nothing to do.
void close_all_but(std::vector<int> kept);

/// From here on these read nothing, and what is written to them is nowhere, so that whoever waits
/// for the end of what they were isn't kept waiting.
void lead_nowhere(std::span<const int> streams);

}  // namespace nxgate::sys
