// What of root is kept after the start, and by whom.
#pragma once

#include <cstdint>
#include <vector>

#include "attach/subjects.h"
#include "config/settings.h"
#include "sys/confinement.h"
#include "sys/privileges.h"
#include "sys/reach.h"
#include "sys/socket.h"

namespace nxgate::app {

/// Whether a server serves in namespaces of others, and who tells it of them.
enum class AttachSource : std::uint8_t {
  kNo = 0,
  kNamespaces,  ///< the command line
  kContainers,  ///< the Docker engine as well
};

struct Rights {
  sys::KeptCapabilities server;  ///< by the process that answers
  /// By its helper (sys/helper.h), and so what a later configuration may ask for; nobody needs a
  /// helper if all is false.
  sys::KeptCapabilities helper;
  sys::Confinement calls = sys::Confinement::kStrict;
};

/// What the helper is to be asked for by these settings, and for these subjects if there are any.
[[nodiscard]] sys::Reach reach(const config::Settings& settings,
                               const std::vector<sys::ListenAddress>& listeners,
                               const attach::Subjects* subjects);

/// Of a server by these settings once everything is bound: a namespace or an interface can come
/// back, and must then be bound anew.
[[nodiscard]] Rights rights(const config::Settings& settings, AttachSource source);

}  // namespace nxgate::app
