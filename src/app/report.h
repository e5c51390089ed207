// Telling what is wrong with a configuration.
#pragma once

#include <boost/json/array.hpp>

#include "app/settings_source.h"
#include "base/error.h"

namespace nxgate::app {

/// Writes every warning and fault to standard error, a line each as `file:line:column: text`.
/// Returns whether there was a fault.
[[nodiscard]] bool report(const LoadedSettings& loaded);

/// Objects with `file`, `line` and `column`, as far as there is such a place, and `text`.
[[nodiscard]] boost::json::array to_json(const Faults& faults);

}  // namespace nxgate::app
