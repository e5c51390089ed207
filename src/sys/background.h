// Background work that must not disturb the workers.
#pragma once

namespace nxgate::sys {

/// Gives the calling thread the lowest priority (SCHED_BATCH, a nice value of 19), so that workers
/// on the same core come first. If they keep the cores busy it gets about 1.5 % of one. Without
/// effect if the system refuses it.
void lower_priority_of_thread() noexcept;

}  // namespace nxgate::sys
