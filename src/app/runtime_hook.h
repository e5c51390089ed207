// The OCI runtime wrapper: no container starts under it before it is attached.
#pragma once

#include "app/options.h"

namespace nxgate::app {

/// Writes the wrapper and prints what to tell the engine. Returns an exit status, as do the others.
[[nodiscard]] int install_hook(const Options& options);

/// What the wrapper does: adds the hook to the bundle's config.json when a container is created,
/// then becomes the runtime. Returns only when that fails.
[[nodiscard]] int run_runtime(const Options& options);

/// The hook: reads the container's state (OCI runtime specification, "State"), and succeeds only
/// once nxgate says that it is attached or left alone by choice.
[[nodiscard]] int run_hook(const Options& options);

}  // namespace nxgate::app
