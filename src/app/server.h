// The running server: workers around it, reloads, signals.
#pragma once

#include "cli/options.h"

namespace nxgate::app {

/// Serves until SIGTERM or SIGINT, in containers too if that is the command. Returns an exit
/// status; whatever is wrong has been written to standard error.
[[nodiscard]] int serve(const cli::Options& options);

}  // namespace nxgate::app
