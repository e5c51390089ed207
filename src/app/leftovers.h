// Gates and firewalls that a nxgate left behind when it was killed.
#pragma once

#include "base/error.h"
#include "sys/netns.h"

namespace nxgate::app {

/// Takes gate and firewall away, whoever put them up; none is fine.
[[nodiscard]] Result<void> remove_all(const sys::NetnsRef& netns);

/// Takes away the gate of every namespace of this machine whose nxgate is dead, and logs it. Looks
/// at the namespaces of all processes and at those in /run/netns. Needs what attaching needs.
void remove_leftovers();

}  // namespace nxgate::app
