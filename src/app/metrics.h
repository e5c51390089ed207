// The metrics of a running server.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "app/standing_fault.h"
#include "telemetry/exposition.h"

namespace nxgate::app {

struct Running;
class Learner;

using telemetry::Exposition;

/// All families. Dashboards know them by name: tests/e2e/test_control.py has the list. Main thread.
[[nodiscard]] std::string exposition(const Running& running, const Learner& learner,
                                     const std::vector<StandingFault>& faults,
                                     std::size_t attachments, Exposition form);

}  // namespace nxgate::app
