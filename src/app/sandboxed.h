// `nxgate run`: a program in a sandbox, and the server beside it.
#pragma once

#include "cli/options.h"

namespace nxgate::app {

/// Runs the program to its end. Returns its exit status, 128 and a signal's number, or one of
/// nxgate's own: kNotRun if there is no sandbox, so that the program didn't run, kDenied.
[[nodiscard]] int run_sandboxed(const cli::Options& options);

/// Tells whether a sandbox can be made here, and why not.
[[nodiscard]] int examine_sandbox();

}  // namespace nxgate::app
