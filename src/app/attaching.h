// The part of serving that attaches: from the first container to the last gate taken away.
#pragma once

#include <functional>
#include <string>

#include "app/fence_reports.h"
#include "app/main_loop.h"
#include "app/options.h"
#include "app/panel.h"
#include "app/reloader.h"
#include "app/targets.h"
#include "app/workers.h"
#include "base/error.h"

namespace nxgate::app {

/// Attaches, calls `ready`, runs the loop until it is told to stop, and detaches everything. The
/// result is as MainLoop::run gives it; the error is why `attach` could not begin.
[[nodiscard]] Result<std::string> run_attaching(MainLoop& loop, const Options& options,
                                                Targets targets, Reloader& reloader,
                                                Workers& workers, FenceReports& reports,
                                                Panel& panel, const std::function<void()>& ready);

}  // namespace nxgate::app
