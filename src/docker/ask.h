// Asking an engine one thing, before there is a loop.
#pragma once

#include <string>

#include "base/error.h"
#include "containers/container.h"

namespace nxgate::docker {

/// One container, as it is now. Blocks for as long as the engine takes, 10 s at most.
[[nodiscard]] Result<containers::Container> find_container(const std::string& socket,
                                                           const std::string& name);

/// Its version, or nothing if it doesn't answer.
[[nodiscard]] std::string engine_version(const std::string& socket);

}  // namespace nxgate::docker
