// Why lookups are slow in a container.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/clock.h"
#include "base/error.h"
#include "containers/container.h"

namespace nxgate::doctor {

/// Whom to look at.
struct Subject {
  std::string label;  ///< as the user called it: `web`, `pid 4711`, `/run/netns/app`
  std::string netns;  ///< for sys::NetnsRef
  pid_t pid = 0;  ///< whose /etc/resolv.conf counts; 0: /etc/netns/NAME/resolv.conf or the host's
  std::optional<containers::Container> container;
  std::string engine;  ///< the engine's version; empty without one
};

struct Options {
  std::string name = "nxgate-doctor.test";  ///< looked up, and expected not to exist
  Milliseconds patience{4000};              ///< with each server, as Docker's resolver has
  Milliseconds longest_lookup{10'500};
};

/// Looks, times, and tells: text for the terminal, at most 80 columns wide. Changes nothing.
[[nodiscard]] Result<std::string> examine(const Subject& subject, const Options& options);

}  // namespace nxgate::doctor
