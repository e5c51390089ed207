// Commands about containers or namespaces, and whom they are about.
#pragma once

#include "attach/subjects.h"
#include "base/error.h"
#include "cli/options.h"
#include "config/settings.h"

namespace nxgate::app {

/// The containers and namespaces of the command, found before anything else is done; asks the
/// engine if needed. The error says which can't be attached and why.
[[nodiscard]] Result<attach::Subjects> find_subjects(const cli::Options& options,
                                                     const config::DockerSettings& settings);

/// `nxgate detach`. Returns an exit status, as does the other.
[[nodiscard]] int detach(const cli::Options& options);

/// `nxgate doctor`.
[[nodiscard]] int examine(const cli::Options& options);

}  // namespace nxgate::app
