// Gates that a nxgate left behind when it was killed.
#pragma once

namespace nxgate::app {

/// Takes away the gate of every namespace of this machine whose nxgate is dead, and logs it. Looks
/// at the namespaces of all processes and at those in /run/netns. Needs what attaching needs.
void remove_leftovers();

}  // namespace nxgate::app
