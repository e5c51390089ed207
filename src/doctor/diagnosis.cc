#include "doctor/diagnosis.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/address.h"
#include "base/clock.h"
#include "doctor/probe.h"
#include "doctor/resolv_conf.h"
#include "wire/types.h"

namespace nxgate::doctor {
namespace {

/// A denied name takes a few milliseconds; whoever needs more than this keeps people waiting.
constexpr Milliseconds kSlow{500};

std::string duration(Milliseconds time) {
  if (time < Seconds(1)) return fmt::format("{} ms", time.count());
  return fmt::format("{:.1f} s", static_cast<double>(time.count()) / 1000);
}

bool is_dockers(const Endpoint& server) { return server.address == IpAddress::v4({127, 0, 0, 11}); }

bool helps(const ProbeResult& result) {
  return result.reaction == Reaction::kAnswered &&
         (result.rcode == wire::Rcode::kNoError || result.rcode == wire::Rcode::kNxDomain);
}

std::string asker(const ExternalProbe& external) {
  return external.from_host ? "from the host's namespace" : "from inside this namespace";
}

/// How it is that Docker's resolver doesn't answer.
void blame_external(const Findings& findings, Diagnosis& diagnosis) {
  for (const ExternalProbe& external : findings.external) {
    if (helps(external.result)) continue;
    diagnosis.verdict.push_back(fmt::format(
        "127.0.0.11 forwards to {}{} {}: {}.", external.result.server.address.to_string(),
        external.guessed ? " (its fallback)" : "", asker(external), describe(external.result)));
  }
  if (findings.lookup.reaction != Reaction::kSilent) return;
  diagnosis.verdict.push_back(fmt::format(
      "127.0.0.11 doesn't answer in that time, so the program tries again: {} times {} each.",
      findings.resolv_conf.attempts, duration(findings.resolv_conf.timeout)));
}

void blame_servers(const Findings& findings, Diagnosis& diagnosis) {
  for (std::size_t i = 0; i < findings.servers.size(); ++i) {
    const ProbeResult& server = findings.servers[i];
    if (helps(server)) continue;
    if (is_dockers(server.server) && !findings.external.empty()) {
      blame_external(findings, diagnosis);
      continue;
    }
    diagnosis.verdict.push_back(fmt::format("{} is queried from inside this namespace: {}.",
                                            server.server.address.to_string(), describe(server)));
    if (server.reaction == Reaction::kSilent) {
      diagnosis.verdict.push_back(fmt::format("The program waits {} for it, {} times.",
                                              duration(patience_with(findings.resolv_conf, i)),
                                              findings.resolv_conf.attempts));
    }
  }
}

/// Where every query comes to nxgate, there is nobody else to blame for what isn't answered.
void blame_gate(const Findings& findings, Diagnosis& diagnosis) {
  if (findings.gate == GateState::kAbandoned) {
    diagnosis.verdict.push_back(fmt::format(
        "It is attached by an nxgate that has ended (pid {}), so all queries are refused.",
        findings.gate_owner));
    return;
  }
  diagnosis.verdict.push_back(
      fmt::format("It is attached by the nxgate with pid {}.", findings.gate_owner));
  if (findings.lookup.reaction == Reaction::kAnswered) {
    diagnosis.verdict.emplace_back("nxgate itself answers so.");
  } else if (findings.dropping.empty()) {
    diagnosis.verdict.emplace_back("The query doesn't reach it, or it doesn't answer.");
  } else {
    diagnosis.verdict.push_back(fmt::format(
        "These rules in the namespace, which aren't nxgate's, may drop the query or its answer: "
        "{}. They see it go to port 53 of 127.0.0.1 or ::1, then by lo.",
        fmt::join(findings.dropping, ", ")));
  }
}

std::string cure_for_gate(const Findings& findings) {
  if (findings.gate == GateState::kAbandoned) {
    return fmt::format("start nxgate again, or: nxgate detach {}", findings.attach_argument);
  }
  if (findings.lookup.reaction == Reaction::kAnswered || findings.dropping.empty()) {
    return "nxgate status";
  }
  return "accept UDP and TCP to port 53, whatever the address, and all on lo, in these rules";
}

std::string cure_for(const Findings& findings) {
  if (findings.host_network) return {};
  if (findings.gate != GateState::kNone) return cure_for_gate(findings);
  return fmt::format("nxgate attach {} --allow NAME --upstream ADDRESS", findings.attach_argument);
}

}  // namespace

std::string describe(const ProbeResult& result) {
  switch (result.reaction) {
    case Reaction::kSilent:
      return fmt::format("no answer in {}", duration(result.elapsed));
    case Reaction::kAnswered:
      return fmt::format("{} in {}", wire::to_string(result.rcode), duration(result.elapsed));
    case Reaction::kRefused:
      return "port unreachable, no server is listening";
    case Reaction::kNoRoute:
      return "no route to it";
    case Reaction::kBlocked:
      return "dropped by a rule in this namespace";
    case Reaction::kFailed:
      return "the query could not be sent";
  }
  return {};
}

Diagnosis diagnose(const Findings& findings) {
  Diagnosis diagnosis;
  const bool fast = helps(findings.lookup) && findings.lookup.elapsed < kSlow;
  diagnosis.healthy = fast;
  if (fast) {
    diagnosis.verdict.push_back(
        fmt::format("Lookups are healthy: {}{}.", describe(findings.lookup),
                    findings.gate == GateState::kServed ? ", answered by nxgate" : ""));
    return diagnosis;
  }
  diagnosis.verdict.push_back(
      fmt::format("A lookup fails or is slow: {}.", describe(findings.lookup)));
  if (findings.gate == GateState::kNone) {
    blame_servers(findings, diagnosis);
  } else {
    blame_gate(findings, diagnosis);
  }
  const bool needs_route =
      !findings.routes.v4 && !findings.routes.v6 && findings.lookup.reaction == Reaction::kNoRoute;
  if (needs_route) diagnosis.verdict.emplace_back("This namespace has no default route.");
  if (findings.host_network) {
    diagnosis.verdict.emplace_back("It uses the host's network: fix /etc/resolv.conf on the host.");
  }
  diagnosis.cure = cure_for(findings);
  return diagnosis;
}

}  // namespace nxgate::doctor
