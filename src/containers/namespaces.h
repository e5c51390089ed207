// The network namespaces of containers, as their engine keeps them.
#pragma once

#include <string>
#include <vector>

#include "containers/container.h"
#include "sys/netns.h"

namespace nxgate::containers {

/// The namespaces in an engine's directory (Engine::namespaces), of containers and build steps: not
/// the engine's own, nor Swarm's.
[[nodiscard]] std::vector<sys::NetnsRef> namespaces_in(const std::string& directory);

/// Where the engine put a container that shares nobody's namespace, whatever its processes did
/// since: its file in that directory, or if there is none the namespace of its first process.
[[nodiscard]] sys::NetnsRef netns_of(const Container& container, const std::string& directory);

}  // namespace nxgate::containers
