// What a firewall refused, for the log.
#pragma once

#include <string>

#include "egress/fence.h"
#include "policy/egress.h"
#include "sys/netns.h"

namespace nxgate::app {

/// Logs what is refused, or in an audit would have been, since the last time: each destination once
/// a minute, and not more at a time than can be read; with the process where it still has a socket
/// to there, as mostly in an audit. `netns` is that of the programs; null if they are elsewhere.
void report_refusals(const std::string& label, const sys::NetnsRef* netns,
                     const policy::Egress* egress, egress::Fence& fence);

}  // namespace nxgate::app
