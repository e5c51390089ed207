// The running server: workers around it, reloads, signals.
#pragma once

#include "app/options.h"

namespace nxgate::app {

/// Serves until SIGTERM or SIGINT, in containers too if that is the command. Returns an exit
/// status; whatever is wrong has been written to standard error.
[[nodiscard]] int serve(const Options& options);

}  // namespace nxgate::app
