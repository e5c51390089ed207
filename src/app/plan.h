// What a server is to be, by its command line and its settings, before anything is opened.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "app/rights.h"
#include "attach/subjects.h"
#include "base/error.h"
#include "cache/cache.h"
#include "cli/options.h"
#include "config/settings.h"
#include "helper/reach.h"
#include "serve/limits.h"
#include "serve/worker_context.h"

namespace nxgate::app {

struct Plan {
  std::string user;  ///< to switch to
  std::string description;
  std::vector<serve::Listener> listeners;
  std::size_t workers = 0;
  cache::Limits cache;
  serve::TcpLimits tcp;
  std::size_t relayed = 0;  ///< connections at a time whose names are checked
  serve::RateLimits rate;
  std::optional<attach::Subjects> subjects;  ///< if it attaches
  Rights rights;
  helper::Reach reach;
  NamedContainers containers;
  config::ControlSettings control;
  config::QueryLogSettings query_log;
};

/// Asks the engine for containers that are named. `descriptors` is how many there may be. The error
/// says what isn't there.
[[nodiscard]] Result<Plan> plan_of(const cli::Options& options, const config::Settings& settings,
                                   std::size_t descriptors);

}  // namespace nxgate::app
