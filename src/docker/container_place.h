// Where a container is, for a process that has neither a loop nor much else.
#pragma once

#include <string>

#include "base/error.h"
#include "sys/netns.h"

namespace nxgate::docker {

/// The network namespace of the running container that has this name, by asking the engine at
/// `socket` once. Blocks for 3 s at most. Opens nothing but that socket and files in /proc. The
/// error says what there is instead, in words that go on from the container's name.
[[nodiscard]] Result<sys::NetnsRef> find_container_netns(const std::string& socket,
                                                         const std::string& name);

}  // namespace nxgate::docker
