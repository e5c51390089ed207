// Commands that ask a running server.
#pragma once

#include "cli/options.h"

namespace nxgate::cli {

/// Does one of them over the control socket and prints what comes back. Returns an exit status;
/// whatever is wrong has been written to standard error.
[[nodiscard]] int operate(const Options& options);

}  // namespace nxgate::cli
