#include "doctor/report.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/escape.h"
#include "containers/container.h"
#include "doctor/diagnosis.h"
#include "doctor/doctor.h"
#include "doctor/probe.h"
#include "doctor/resolv_conf.h"

namespace nxgate::doctor {
namespace {

constexpr std::size_t kIndent = 13;
constexpr std::size_t kRoom = 80 - kIndent;

/// As much of the front of `text` as goes on a line: up to the last space, or all there is room for
/// where a word is longer than that.
std::size_t line_of(std::string_view text) {
  if (text.size() <= kRoom) return text.size();
  const auto space = text.rfind(' ', kRoom);
  return space == std::string_view::npos || space == 0 ? kRoom : space;
}

/// `value` broken into lines behind the name of a section.
std::string section(std::string_view name, std::string_view value) {
  const std::string safe = escaped(value);
  std::string text;
  std::string_view rest = safe;
  do {
    const std::size_t length = line_of(rest);
    text += fmt::format("{:<{}}{}\n", text.empty() ? name : "", kIndent, rest.substr(0, length));
    rest.remove_prefix(length);
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  } while (!rest.empty());
  return text;
}

std::string describe_conf(const ResolvConf& conf) {
  std::string text = "nameserver";
  for (const IpAddress& server : conf.servers) text += ' ' + server.to_string();
  if (!conf.search.empty()) text += fmt::format("; search {}", fmt::join(conf.search, " "));
  return text + fmt::format("; timeout {} s, {} attempts, ndots {}",
                            std::chrono::duration_cast<Seconds>(conf.timeout).count(),
                            conf.attempts, conf.ndots);
}

std::string describe_routes(const DefaultRoutes& routes) {
  return fmt::format("IPv4 {}, IPv6 {}", routes.v4 ? "by a default route" : "no default route",
                     routes.v6 ? "by a default route" : "no default route");
}

}  // namespace

std::string report(const Findings& findings, const Subject& subject) {
  std::string text = section(subject.container ? "container" : "namespace", findings.label);
  text += section("resolv.conf", describe_conf(findings.resolv_conf));
  text += section("routes", describe_routes(findings.routes));
  if (!findings.engine.empty()) text += section("engine", "Docker " + findings.engine);
  for (const ProbeResult& server : findings.servers) {
    text += section("server", server.server.address.to_string() + ": " + describe(server));
  }
  for (const ExternalProbe& external : findings.external) {
    text += section("upstream",
                    fmt::format("{}{}, queried {}: {}", external.result.server.address.to_string(),
                                external.guessed ? " (a guess)" : "",
                                external.from_host ? "from the host" : "from inside",
                                describe(external.result)));
  }
  text += section("lookup", describe(findings.lookup));
  const Diagnosis diagnosis = diagnose(findings);
  text += section("diagnosis", fmt::format("{}", fmt::join(diagnosis.verdict, " ")));
  const std::string power = subject.container ? subject.container->power_to_undo() : "";
  if (!power.empty()) text += section("warning", "it " + power + " and can undo nxgate's rules");
  if (!diagnosis.cure.empty()) text += section("fix", diagnosis.cure);
  return text;
}

}  // namespace nxgate::doctor
