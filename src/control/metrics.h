// The metrics of a running server.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "attach/attachments.h"
#include "store/standing_fault.h"
#include "telemetry/exposition.h"

namespace nxgate::control {

struct Running;
class Learner;

using telemetry::Exposition;

/// All families. Dashboards know them by name: tests/e2e/test_control.py has the list. Main thread.
/// `attachments` is null while nobody attaches.
[[nodiscard]] std::string exposition(const Running& running, const Learner& learner,
                                     const std::vector<store::StandingFault>& faults,
                                     const attach::Attachments* attachments, Exposition form);

}  // namespace nxgate::control
