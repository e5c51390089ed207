// Telling what is wrong with a configuration.
#pragma once

#include "app/settings_source.h"

namespace nxgate::app {

/// Writes every warning and fault to standard error, a line each as `file:line:column: text`.
/// Returns whether there was a fault.
[[nodiscard]] bool report(const LoadedSettings& loaded);

}  // namespace nxgate::app
