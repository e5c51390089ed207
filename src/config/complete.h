// The last step of every reading: what only the whole of the settings can tell.
#pragma once

#include "config/context.h"
#include "config/settings.h"

namespace nxgate::config {

/// Checks what belongs together (listeners against each other, names of policies and upstreams,
/// client ranges, servers that are nxgate itself) and fills in what was left out: the default
/// listeners, the policy and the upstream named `default`.
void complete(Context& context, Settings& settings);

}  // namespace nxgate::config
