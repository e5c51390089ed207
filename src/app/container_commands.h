// Commands about containers or namespaces that end at once.
#pragma once

#include "app/find_subjects.h"
#include "cli/options.h"

namespace nxgate::app {

/// The subjects of the command.
[[nodiscard]] SubjectNames named_by(const cli::Options& options);

/// `nxgate detach`. Returns an exit status, as does the other.
[[nodiscard]] int detach(const cli::Options& options);

/// `nxgate doctor`.
[[nodiscard]] int examine(const cli::Options& options);

}  // namespace nxgate::app
