// System calls that are given up (seccomp).
#pragma once

#include <cstdint>

#include "base/error.h"

namespace nxgate::sys {

/// Whether network namespaces are still to be entered, to open sockets in there.
enum class Namespaces : std::uint8_t { kStay = 0, kEnter };

/// Takes from this process, for good, what only an intruder would ask the kernel for: to run
/// another program, to look into another process, to mount, to load code into the kernel. Such
/// calls fail with EPERM. Threads that are started afterwards inherit it. Also sets no_new_privs.
///
/// The error is that of a kernel without seccomp. A build with a sanitizer, which needs such calls
/// itself, is left as it is.
[[nodiscard]] Result<void> confine_process(Namespaces namespaces);

/// Leaves the calling thread, besides, only what it takes to answer: to wait, to receive and send,
/// to open sockets of IP, to write where something is open already. No file is opened, no thread or
/// process started, no memory made executable.
[[nodiscard]] Result<void> confine_worker(Namespaces namespaces);

/// Whether this build confines anything.
[[nodiscard]] bool confines() noexcept;

}  // namespace nxgate::sys
