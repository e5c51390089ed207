// Telling what is wrong with a configuration.
#pragma once

#include <string_view>

#include "base/error.h"

namespace nxgate::cli {

/// Writes every warning and fault to standard error, a line each as `file:line:column: text`.
/// Returns whether there was a fault.
[[nodiscard]] bool report(const Faults& faults, const Faults& warnings);

/// Writes why a command failed to standard error, and gives its exit status.
int failed(std::string_view text);

}  // namespace nxgate::cli
