// The part of serving that attaches: from the first container to the last gate removed.
#pragma once

#include <functional>
#include <string>

#include "app/main_loop.h"
#include "attach/subjects.h"
#include "base/error.h"
#include "cli/options.h"
#include "control/control_api.h"
#include "firewall/firewall_reports.h"
#include "relay/relay.h"
#include "store/policy_store.h"
#include "sys/descriptor.h"
#include "workers/workers.h"

namespace nxgate::app {

/// `inotify` is for containers::NetnsWatch. Attaches, calls `ready`, runs the loop until it is told
/// to stop, and detaches everything. The result is as MainLoop::run gives it; the error is why
/// `attach` could not begin.
[[nodiscard]] Result<std::string> run_attach_service(
    MainLoop& loop, const cli::Options& options, attach::Subjects subjects,
    store::PolicyStore& policy_store, workers::Workers& workers, relay::Relay& relay,
    firewall::FirewallReports& reports, control::ControlApi& api, sys::Descriptor inotify,
    const std::function<void()>& ready);

}  // namespace nxgate::app
