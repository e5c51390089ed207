// Why there can be no sandbox here.
#pragma once

#include <expected>

#include "base/error.h"
#include "sandbox/step.h"

namespace nxgate::sandbox {

/// What failed, and what the operator can do about it: the setting of the kernel that forbids it,
/// by its present value, or what else is known to.
[[nodiscard]] std::unexpected<Error> refused(const Failure& failure);

}  // namespace nxgate::sandbox
