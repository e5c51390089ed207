// Gates and firewalls that a nxgate left behind when it was killed.
#pragma once

#include "base/error.h"
#include "sys/netns.h"

namespace nxgate::app {

/// Takes gate and firewall of dead nxgates away, and says whether there was a firewall.
[[nodiscard]] Result<bool> remove_all(const sys::NetnsRef& netns);

/// Takes away gate and firewall of every namespace that may be attached (sys/reach.h) and whose
/// nxgate is dead, and logs it. Looks at the namespaces of all processes and at those in
/// /run/netns. Needs what attaching needs.
void remove_leftovers();

}  // namespace nxgate::app
