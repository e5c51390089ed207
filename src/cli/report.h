// Telling what is wrong with a configuration.
#pragma once

#include "base/error.h"

namespace nxgate::cli {

/// Writes every warning and fault to standard error, a line each as `file:line:column: text`.
/// Returns whether there was a fault.
[[nodiscard]] bool report(const Faults& faults, const Faults& warnings);

}  // namespace nxgate::cli
