// Whom a command is about, found before anything else is done.
#pragma once

#include <string>
#include <vector>

#include "app/attachments.h"
#include "app/followed.h"
#include "app/options.h"
#include "base/error.h"
#include "config/settings.h"
#include "docker/container.h"

namespace nxgate::app {

/// Whom `attach` was asked to attach, found at start.
struct Targets {
  std::vector<Followed> containers;
  std::vector<Subject> namespaces;  ///< of --pid and --netns
  std::string socket;               ///< the engine's; empty when no engine is asked

  [[nodiscard]] bool watches_all() const { return containers.empty() && namespaces.empty(); }
};

/// Looks for them, asking the engine if need be. The error says which can't be attached and why.
[[nodiscard]] Result<Targets> find_targets(const Options& options,
                                           const config::DockerSettings& settings);

/// One container, asked of the engine now.
[[nodiscard]] Result<docker::Container> find_container(const std::string& socket,
                                                       const std::string& name);

/// Its version, or nothing if it doesn't answer.
[[nodiscard]] std::string engine_version(const std::string& socket);

}  // namespace nxgate::app
