// Commands that ask a running server.
#pragma once

#include "app/options.h"

namespace nxgate::app {

/// Does one of them over the control socket and prints what comes back. Returns an exit status;
/// whatever is wrong has been written to standard error.
[[nodiscard]] int operate(const Options& options);

}  // namespace nxgate::app
