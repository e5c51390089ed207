// From what was seen to what it means and what to do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

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

/// Of the namespace.
enum class GateState : std::uint8_t {
  kNone = 0,
  kAbandoned,  ///< by an nxgate that has ended: it stays closed
  kServed,
};

struct Findings {
  std::string label;            ///< of the subject
  std::string attach_argument;  ///< `web`, `--pid 4711`, `--netns PATH`
  bool host_network = false;
  GateState gate{};
  pid_t gate_owner = 0;               ///< the nxgate that has or had it
  std::vector<std::string> dropping;  ///< chains in there that may drop a query (dropping_chains.h)
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
