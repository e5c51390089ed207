// From the command line and the file it names to settings; the same at start, at each reload, for
// `check` and for `explain`.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "config/context.h"
#include "config/overrides.h"
#include "config/settings.h"

namespace nxgate::store {

struct LoadedSettings {
  config::Settings settings;  ///< to be used only if there is no fault
  Faults faults;
  Faults warnings;
  std::vector<std::string> watched;  ///< paths whose changes cause a reload
  std::vector<std::string> notices;  ///< persistent faults while these settings are in force
};

[[nodiscard]] LoadedSettings load_settings(const config::Overrides& given,
                                           config::FileReader& files);

/// The network namespaces that the settings name for upstreams. One that is missing at start is a
/// mistake; one that disappears later may come back.
[[nodiscard]] Result<void> find_namespaces(const config::Settings& settings);

/// Logs, now and not at the first reload, which files can't be read any more as this user.
void warn_of_unreadable(const std::vector<std::string>& watched, const std::string& user);

}  // namespace nxgate::store
