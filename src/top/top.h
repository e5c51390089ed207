// `nxgate top`: what a running server denies most, and to whom.
#pragma once

#include <string>

#include "base/error.h"

namespace nxgate::top {

/// Shows it on the terminal of standard input and output until the user has seen enough. An error
/// is for when the terminal has been given back.
[[nodiscard]] Result<void> show(const std::string& socket, bool colour);

}  // namespace nxgate::top
