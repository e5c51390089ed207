// The first process of a sandbox: it prepares it, starts the program, and reaps.
#pragma once

#include "sandbox/hidden_sockets.h"
#include "sandbox/sandbox.h"
#include "sys/descriptor.h"

namespace nxgate::sandbox {

/// In the new namespaces. Ends with the program's status, or 128 and the number of the signal that
/// ended it.
[[noreturn]] void be_first_process(const sys::Descriptor& channel, const Program& program,
                                   const Hidden& hidden);

}  // namespace nxgate::sandbox
