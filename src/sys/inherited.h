// What a process got from the one that started it, and lets go of.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace nxgate::sys {

/// Closes all descriptors but these, in any order. The error is ignored: there is nothing to do.
void close_all_but(std::vector<int> kept);

/// From here on these read nothing, and what is written to them is nowhere, so that whoever waits
/// for the end of what they were isn't kept waiting.
void lead_nowhere(std::span<const int> streams);

/// Standard input, output and error that are closed lead nowhere, so that no other file comes to
/// stand there. For the start of a program.
void fill_streams();

/// Writes to standard error what fits at once: whoever shares it may have stopped it, or be gone.
/// False if it can't take it. Never throws, and waits for 20 ms at most.
bool tell(std::string_view line) noexcept;

}  // namespace nxgate::sys
