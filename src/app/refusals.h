// What a firewall refused, for the log.
#pragma once

#include <string>

#include "egress/fence.h"
#include "policy/egress.h"

namespace nxgate::app {

/// Logs what is refused, or in an audit would have been, since the last time: each destination once
/// a minute, and not more at a time than can be read.
void report_refusals(const std::string& label, const policy::Egress* egress, egress::Fence& fence);

}  // namespace nxgate::app
