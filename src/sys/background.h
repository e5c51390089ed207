// Work that must not disturb the answering.
#pragma once

#include <functional>

namespace nxgate::sys {

/// Runs `work` on a thread of its own with the lowest priority (SCHED_BATCH, a nice value of 19)
/// and waits for it, so that workers which share a core with it go first. Where they leave the
/// cores no rest it gets some 1.5 % of one. Throws what `work` throws. False if no thread was to be
/// had, as Linux bounds them by user (RLIMIT_NPROC): then the caller has done it itself.
bool at_low_priority(const std::function<void()>& work);

}  // namespace nxgate::sys
