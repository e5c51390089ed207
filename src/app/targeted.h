// Commands about one container or namespace that end at once.
#pragma once

#include "app/options.h"

namespace nxgate::app {

/// `nxgate detach`. Returns an exit status, as does the other.
[[nodiscard]] int detach(const Options& options);

/// `nxgate doctor`.
[[nodiscard]] int examine(const Options& options);

}  // namespace nxgate::app
