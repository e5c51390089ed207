// Processes, told apart also once their number is given to another.
#pragma once

#include <cstdint>
#include <optional>

#include <sys/types.h>

namespace nxgate::sys {

/// When it was started, in clock ticks since boot (/proc/PID/stat): the same after an exec, and
/// once its first thread has ended. Nothing if there is no such process.
[[nodiscard]] std::optional<std::uint64_t> start_time(pid_t pid);

/// Whether its first thread has ended and is still shown, though other threads may go on.
[[nodiscard]] bool has_lost_first_thread(pid_t pid);

/// Whether it has ended, threads and all, and its parent hasn't heard of it yet.
[[nodiscard]] bool is_zombie(pid_t pid);

}  // namespace nxgate::sys
