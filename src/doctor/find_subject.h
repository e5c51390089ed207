// Whom `nxgate doctor` is about.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "doctor/doctor.h"

namespace nxgate::doctor {

/// A pid (`4711`, `pid:4711`), a path, a container of the engine (also as `container:NAME`) at
/// `engine` (docker::engine_socket), or a name of `ip netns`.
[[nodiscard]] Result<Subject> find_subject(const std::string& given, std::string_view engine);

}  // namespace nxgate::doctor
