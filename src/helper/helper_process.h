// What the helper process does (helper.h).
#pragma once

#include "helper/helper_protocol.h"
#include "helper/reach.h"

namespace nxgate::helper {

/// Serves these channels, a thread each, until the server has closed them. Call in a fresh child:
/// all other descriptors except standard error are closed.
[[noreturn]] void run_helper(Channels channels, EngineAccess engine);

}  // namespace nxgate::helper
