// System calls that are given up (seccomp).
#pragma once

#include <cstdint>

#include "base/error.h"
#include "sys/privileges.h"

namespace nxgate::sys {

/// What is left of the ways out.
enum class Confinement : std::uint8_t {
  kStrict = 0,
  kNone,  ///< all of them
};

/// Takes from this process, for good, what only an intruder would ask the kernel for: to run
/// another program, to look into another process, to mount, to load code into the kernel. Such
/// calls fail with EPERM. Threads that are started afterwards inherit it. Also sets no_new_privs.
///
/// The error is that of a kernel without seccomp. A build with a sanitizer, which needs such calls
/// itself, is left as it is.
[[nodiscard]] Result<void> confine_process(Confinement how);

/// Leaves the calling thread, besides, only what it takes to answer: to wait, to receive and send,
/// to open sockets of IP, to write where something is open already. No file is opened, no thread or
/// process started, no memory made executable. Nothing is given up with kNone.
[[nodiscard]] Result<void> confine_worker(Confinement how);

/// The same for a thread of the helper process, which besides opens namespaces and enters them, and
/// what its other rights are for: netlink sockets, or the processes of others. With `asks_engine`
/// it connects to an engine, to see which process that is.
[[nodiscard]] Result<void> confine_helper(Confinement how, const KeptCapabilities& keep,
                                          bool asks_engine);

/// Whether this build confines anything.
[[nodiscard]] bool confines() noexcept;

}  // namespace nxgate::sys
