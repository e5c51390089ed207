// What of root is kept after the start, and by whom.
#pragma once

#include "config/settings.h"
#include "sys/confinement.h"
#include "sys/privileges.h"

namespace nxgate::app {

struct Rights {
  sys::KeptCapabilities server;  ///< by the process that answers
  sys::KeptCapabilities helper;  ///< by its helper (sys/helper.h); nobody needs one if all is false
  /// What a later configuration may ask for.
  sys::KeptCapabilities later;
  sys::Confinement server_calls = sys::Confinement::kStrict;
  sys::Confinement worker_calls = sys::Confinement::kStrict;
};

/// Of a server by these settings once everything is bound: a namespace or an interface can come
/// back, and must then be bound anew. `attaches` if it serves in namespaces of others.
[[nodiscard]] Rights rights(const config::Settings& settings, bool attaches);

}  // namespace nxgate::app
