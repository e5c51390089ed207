// Choosing the version of the Engine API.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "docker/client.h"

namespace nxgate::docker {

/// Reads `GET /version` and chooses the newest API that both sides know. Fails when the engine
/// wants a newer one than we know, or when the answer isn't Docker's.
[[nodiscard]] Result<EngineVersion> parse_version(std::string_view json);

}  // namespace nxgate::docker
