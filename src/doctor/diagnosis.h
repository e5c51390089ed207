// From what was seen to what it means and what to do.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "doctor/probe.h"
#include "doctor/resolv_conf.h"

namespace nxgate::doctor {

/// A server that Docker's resolver asks for this container.
struct ExternalProbe {
  ProbeResult result;
  bool from_host = false;
  bool guessed = false;  ///< nothing says so, but engines before 28 do when they know of no other
};

struct Findings {
  std::string label;            ///< of the subject
  std::string attach_argument;  ///< `web`, `--pid 4711`, `--netns PATH`
  bool host_network = false;
  bool is_attached = false;  ///< the gate of a living nxgate is up
  ResolvConf resolv_conf;
  DefaultRoutes routes;
  std::string engine;  ///< version; empty without one
  std::vector<ProbeResult> servers;
  std::vector<ExternalProbe> external;
  ProbeResult lookup;  ///< the whole of it: the last server asked
  Milliseconds patience{4000};
};

struct Diagnosis {
  bool healthy = false;
  std::vector<std::string> verdict;  ///< sentences, the step that eats the time first
  std::string cure;                  ///< a command; empty if there is nothing to cure
};

[[nodiscard]] Diagnosis diagnose(const Findings& findings);

/// `NXDOMAIN in 3 ms`, `no answer in 4 s`.
[[nodiscard]] std::string describe(const ProbeResult& result);

}  // namespace nxgate::doctor
