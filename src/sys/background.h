// Work that must not disturb the answering.
#pragma once

#include <functional>

namespace nxgate::sys {

/// Runs `work` on a thread of its own with a lower priority (a nice value of 10) and waits for it,
/// so that workers which share a core with it go first. Throws what `work` throws.
void at_low_priority(const std::function<void()>& work);

}  // namespace nxgate::sys
