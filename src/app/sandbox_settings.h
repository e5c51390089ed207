// The settings of a server for one program in a sandbox.
#pragma once

#include "cli/options.h"
#include "config/settings.h"
#include "store/settings_source.h"

namespace nxgate::app {

/// Settings as the options and the configuration give them, made to fit a sandbox: the policy that
/// is asked for has a firewall, all TCP is carried from the host, and nothing else is served.
[[nodiscard]] store::LoadedSettings load_for_sandbox(const cli::Options& options,
                                                     config::FileReader& files);

}  // namespace nxgate::app
