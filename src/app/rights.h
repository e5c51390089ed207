// Which rights of root are kept after the start, and by which process.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "attach/subjects.h"
#include "config/settings.h"
#include "helper/confinement.h"
#include "helper/reach.h"
#include "serve/worker_context.h"
#include "sys/privileges.h"

namespace nxgate::app {

/// Whether a server serves in other namespaces, and where they come from.
enum class AttachSource : std::uint8_t {
  kNo = 0,
  kNamespaces,  ///< the command line
  kContainers,  ///< the Docker engine as well
};

struct Rights {
  sys::KeptCapabilities server;  ///< by the process that answers
  /// By its helper (helper/helper.h), and so what a later configuration may ask for; no helper is
  /// needed if all is false.
  sys::KeptCapabilities helper;
  helper::Confinement calls = helper::Confinement::kStrict;
};

/// The requests that the helper must allow for these settings, and for these subjects if there are
/// any. `engine` is the socket by which named containers are found.
[[nodiscard]] helper::Reach reach(const config::Settings& settings,
                                  const std::vector<serve::Listener>& listeners,
                                  const attach::Subjects* subjects, const std::string& engine);

/// The containers in whose namespaces it listens or asks, and what does: "listener 127.0.0.1:53".
using NamedContainers = std::map<std::string, std::vector<std::string>>;
[[nodiscard]] NamedContainers named_containers(const config::Settings& settings);

/// Of a server by these settings once everything is bound: a namespace or an interface can come
/// back, and must then be bound anew.
[[nodiscard]] Rights rights(const config::Settings& settings, AttachSource source);

}  // namespace nxgate::app
