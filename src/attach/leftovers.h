// Gates and firewalls that a nxgate left behind when it was killed.
#pragma once

#include <cstdint>
#include <set>

#include "base/error.h"
#include "sys/netns.h"

namespace nxgate::attach {

/// Takes gate and firewall of dead nxgates away, and says whether there was a firewall.
[[nodiscard]] Result<bool> remove_all(const sys::NetnsRef& netns);

/// Takes away gate and firewall of a namespace that may be attached (sys/reach.h) and whose nxgate
/// is dead, and logs it. Needs what attaching needs.
void remove_leftover(const sys::NetnsRef& netns);

/// The same for the namespaces of all processes and those in /run/netns, but for `spared`
/// (sys::NetnsRef::identity).
void remove_leftovers(const std::set<std::uint64_t>& spared);

}  // namespace nxgate::attach
