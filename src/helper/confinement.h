// System calls that are blocked (seccomp).
#pragma once

#include <cstdint>

#include "base/error.h"
#include "sys/privileges.h"

namespace nxgate::helper {

/// How much is blocked.
enum class Confinement : std::uint8_t {
  kStrict = 0,
  kNone,  ///< nothing
};

/// Permanently blocks the system calls of this process that only an attacker would need: executing
/// programs, inspecting processes, mounting, loading code into the kernel. They fail with EPERM.
/// Threads that are started afterwards inherit it. Also sets no_new_privs.
///
/// The error is that of a kernel without seccomp. A sanitizer build, which needs such calls itself,
/// isn't confined.
[[nodiscard]] Result<void> confine_process(Confinement how);

/// Further limits the calling thread to what answering needs: waiting, receiving and sending,
/// opening IP sockets, writing to open files. It can't open files, start threads or processes, or
/// make memory executable. With kNone nothing is blocked.
[[nodiscard]] Result<void> confine_worker(Confinement how);

/// The same for a thread that relays connections, which also needs pipes.
[[nodiscard]] Result<void> confine_relay(Confinement how);

/// The same for a thread of the helper process, which may also open and enter namespaces, and use
/// its other rights: netlink sockets, or inspecting processes. With `asks_engine` it may connect to
/// an engine, to find its process.
[[nodiscard]] Result<void> confine_helper(Confinement how, const sys::KeptCapabilities& keep,
                                          bool asks_engine);

/// Whether this build confines anything.
[[nodiscard]] bool confines() noexcept;

}  // namespace nxgate::helper
