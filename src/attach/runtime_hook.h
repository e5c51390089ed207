// The OCI runtime wrapper: no container starts under it before it is attached.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace nxgate::attach {

struct RuntimeHook {
  std::string runtime;  ///< that the wrapper becomes: `runc`
  std::string socket;   ///< of HookListener
};

/// Writes the wrapper into that directory; returns its path.
[[nodiscard]] Result<std::string> install_hook(const RuntimeHook& hook,
                                               const std::string& directory);

/// What the wrapper does: adds the hook to the bundle's config.json when a container is created,
/// then becomes the runtime with these arguments. Returns only when that fails.
[[nodiscard]] Error run_runtime(const RuntimeHook& hook, std::vector<std::string> arguments);

/// The hook: reads the container's state (OCI runtime specification, "State") from standard input,
/// and succeeds only once nxgate says that it is attached or left alone by choice.
[[nodiscard]] Result<void> run_hook(const RuntimeHook& hook);

}  // namespace nxgate::attach
