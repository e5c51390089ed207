// Work that must not disturb the answering.
#pragma once

namespace nxgate::sys {

/// Gives the calling thread the lowest priority (SCHED_BATCH, a nice value of 19), so that workers
/// which share a core with it go first. Where they leave the cores no rest it gets some 1.5 % of
/// one. Without effect where the system refuses it.
void lower_priority_of_thread() noexcept;

}  // namespace nxgate::sys
