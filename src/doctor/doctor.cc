#include "doctor/doctor.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <expected>
#include <fstream>
#include <future>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "docker/container.h"
#include "doctor/diagnosis.h"
#include "doctor/probe.h"
#include "doctor/resolv_conf.h"
#include "netfilter/gate.h"
#include "sys/netns.h"

namespace nxgate::doctor {
namespace {

constexpr std::uint16_t kDns = 53;
constexpr std::size_t kWidth = 80;
constexpr std::size_t kIndent = 13;
/// From this engine on there is no fallback to public servers, and the host's are asked from the
/// host.
constexpr int kEngineWithoutFallback = 28;

const IpAddress kDockersResolver = IpAddress::v4({127, 0, 0, 11});

std::string contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// As the patient's programs see it.
std::string resolv_conf_of(const Patient& patient) {
  if (patient.pid != 0) return contents(fmt::format("/proc/{}/root/etc/resolv.conf", patient.pid));
  const std::string name = patient.netns.substr(patient.netns.rfind('/') + 1);
  const std::string own = contents(fmt::format("/etc/netns/{}/resolv.conf", name));
  return own.empty() ? contents("/etc/resolv.conf") : own;
}

int major_of(std::string_view version) {
  int major = 0;
  (void)std::from_chars(version.data(), version.data() + version.size(), major);
  return major;
}

/// Whom Docker's resolver asks, as far as can be known.
std::vector<ExternalProbe> externals(const ResolvConf& conf, const std::string& engine) {
  std::vector<ExternalProbe> found;
  for (const ExternalServer& server : conf.external) {
    found.push_back({.result = {.server = {server.address, kDns}}, .from_host = server.from_host});
  }
  if (!found.empty() || engine.empty() || major_of(engine) >= kEngineWithoutFallback) return found;
  for (const char* const address : {"8.8.8.8", "8.8.4.4"}) {
    found.push_back({.result = {.server = {*IpAddress::parse(address), kDns}}, .guessed = true});
  }
  return found;
}

/// Asks the servers in turn, over and over, as libc does.
ProbeResult look_up(const sys::NetnsRef& netns, const ResolvConf& conf, const Options& options) {
  ProbeResult last;
  const Instant began = Clock::now();
  const Instant end = began + options.longest_lookup;
  for (int attempt = 0; attempt < conf.attempts; ++attempt) {
    for (const IpAddress& server : conf.servers) {
      const auto left = std::chrono::duration_cast<Milliseconds>(end - Clock::now());
      const Milliseconds patience = std::min(conf.timeout, left);
      if (patience.count() <= 0) break;
      const auto asked = probe(netns, {{server, kDns}}, options.name, patience);
      if (asked) last = asked->front();
      const bool answered = asked && last.reaction == Reaction::kAnswered &&
                            last.rcode != wire::Rcode::kServFail &&
                            last.rcode != wire::Rcode::kRefused;
      last.elapsed = std::chrono::duration_cast<Milliseconds>(Clock::now() - began);
      if (answered) return last;
    }
  }
  return last;
}

std::vector<Endpoint> endpoints(const std::vector<IpAddress>& addresses) {
  std::vector<Endpoint> all;
  all.reserve(addresses.size());
  for (const IpAddress& address : addresses) all.push_back({address, kDns});
  return all;
}

void probe_externals(const sys::NetnsRef& netns, const Options& options,
                     std::vector<ExternalProbe>& externals) {
  for (ExternalProbe& external : externals) {
    const sys::NetnsRef from = external.from_host ? sys::NetnsRef() : netns;
    if (auto asked = probe(from, {external.result.server}, options.name, options.patience)) {
      external.result = asked->front();
    }
  }
}

Result<Findings> look(const Patient& patient, const Options& options) {
  const sys::NetnsRef netns(patient.netns);
  const auto routes = default_routes(netns);
  if (!routes) return std::unexpected(routes.error());
  Findings findings{.label = patient.label,
                    .attach_argument = patient.container  ? patient.container->name
                                       : patient.pid != 0 ? fmt::format("--pid {}", patient.pid)
                                                          : "--netns " + patient.netns,
                    .host_network = patient.container && patient.container->network_mode == "host",
                    .resolv_conf = parse_resolv_conf(resolv_conf_of(patient)),
                    .routes = *routes,
                    .engine = patient.engine,
                    .patience = options.patience};
  if (const auto gate = netfilter::find_gate(netns)) {
    findings.is_attached = *gate && (*gate)->alive();
  }
  const ResolvConf& conf = findings.resolv_conf;
  auto lookup = std::async(std::launch::async, [&] { return look_up(netns, conf, options); });
  if (std::ranges::find(conf.servers, kDockersResolver) != conf.servers.end()) {
    findings.external = externals(conf, findings.engine);
  }
  auto outside =
      std::async(std::launch::async, [&] { probe_externals(netns, options, findings.external); });
  auto servers = probe(netns, endpoints(conf.servers), options.name, options.patience);
  outside.get();
  findings.lookup = lookup.get();
  if (!servers) return std::unexpected(servers.error());
  findings.servers = *std::move(servers);
  return findings;
}

/// `value` broken into lines behind the name of a section.
std::string section(std::string_view name, std::string_view value) {
  std::string text = fmt::format("{:<{}}", name, kIndent);
  std::size_t column = kIndent;
  bool first = true;
  while (!value.empty()) {
    const auto end = std::min(value.find(' '), value.size());
    const std::string_view word = value.substr(0, end);
    value.remove_prefix(std::min(end + 1, value.size()));
    if (!first && column + 1 + word.size() > kWidth) {
      text += '\n' + std::string(kIndent, ' ');
      column = kIndent;
      first = true;
    }
    text += (first ? "" : " ") + std::string(word);
    column += word.size() + (first ? 0 : 1);
    first = false;
  }
  return text + '\n';
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string describe_conf(const ResolvConf& conf) {
  std::string text = "nameserver";
  for (const IpAddress& server : conf.servers) text += ' ' + server.to_string();
  if (!conf.search.empty()) text += "; search " + joined(conf.search);
  return text + fmt::format("; timeout {} s, {} attempts, ndots {}",
                            std::chrono::duration_cast<Seconds>(conf.timeout).count(),
                            conf.attempts, conf.ndots);
}

std::string describe_routes(const DefaultRoutes& routes) {
  return fmt::format("IPv4 {}, IPv6 {}", routes.v4 ? "by a default route" : "no default route",
                     routes.v6 ? "by a default route" : "no default route");
}

std::string write(const Findings& findings, const Patient& patient) {
  std::string text = section("patient", findings.label);
  text += section("resolv.conf", describe_conf(findings.resolv_conf));
  text += section("routes", describe_routes(findings.routes));
  if (!findings.engine.empty()) text += section("engine", "Docker " + findings.engine);
  for (const ProbeResult& server : findings.servers) {
    text += section("server", server.server.address.to_string() + ": " + describe(server));
  }
  for (const ExternalProbe& external : findings.external) {
    text += section("behind it",
                    fmt::format("{}{}, asked {}: {}", external.result.server.address.to_string(),
                                external.guessed ? " (a guess)" : "",
                                external.from_host ? "from the host" : "from inside",
                                describe(external.result)));
  }
  text += section("lookup", describe(findings.lookup));
  const Diagnosis diagnosis = diagnose(findings);
  text += section("verdict", joined(diagnosis.verdict));
  if (patient.container && patient.container->can_undo()) {
    text += section("warning", "it is privileged or has NET_ADMIN, and can undo nxgate's rules");
  }
  if (!diagnosis.cure.empty()) text += section("cure", diagnosis.cure);
  return text;
}

}  // namespace

Result<std::string> examine(const Patient& patient, const Options& options) {
  const auto findings = look(patient, options);
  if (!findings) return std::unexpected(findings.error());
  return write(*findings, patient);
}

}  // namespace nxgate::doctor
