// What a program in a sandbox can't do, whatever it is.
#pragma once

#include "sandbox/step.h"

namespace nxgate::sandbox {

/// For good, and for all that the calling process starts: no capability, none by setuid programs
/// either (no_new_privs), no sockets that no network namespace keeps apart, no names that the
/// kernel has looked up elsewhere, and no way to type into the terminal for whoever reads it
/// afterwards.
[[nodiscard]] Done confine_program();

}  // namespace nxgate::sandbox
