#include "doctor/doctor.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <expected>
#include <future>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "containers/container.h"
#include "doctor/diagnosis.h"
#include "doctor/probe.h"
#include "doctor/report.h"
#include "doctor/resolv_conf.h"
#include "netfilter/dropping_chains.h"
#include "netfilter/gate.h"
#include "sys/file.h"
#include "sys/netns.h"

namespace nxgate::doctor {
namespace {

constexpr std::uint16_t kDns = 53;
constexpr const char* kResolvConf = "/etc/resolv.conf";
constexpr std::size_t kLargestFile = 64UL << 10;
/// From this engine on there is no fallback to public servers, and the host's are asked from the
/// host.
constexpr int kEngineWithoutFallback = 28;

const IpAddress kDockersResolver = IpAddress::v4({127, 0, 0, 11});

/// Nothing where there is none or none that can be read: what it is, is up to the container.
std::string resolv_conf_below(const std::string& root, const std::string& path) {
  return sys::read_file_within(root, path, kLargestFile).value_or("");
}

/// As the subject's programs see it.
std::string resolv_conf_of(const Subject& subject) {
  if (subject.pid != 0) {
    return resolv_conf_below(fmt::format("/proc/{}/root", subject.pid), kResolvConf);
  }
  const std::string name = subject.netns.substr(subject.netns.rfind('/') + 1);
  const std::string own = resolv_conf_below("/", fmt::format("/etc/netns/{}/resolv.conf", name));
  return own.empty() ? resolv_conf_below("/", kResolvConf) : own;
}

int major_of(std::string_view version) {
  int major = 0;
  (void)std::from_chars(version.data(), version.data() + version.size(), major);
  return major;
}

/// Whom Docker's resolver asks, as far as can be known.
std::vector<ExternalProbe> externals(const ResolvConf& conf, const std::string& engine) {
  std::vector<ExternalProbe> found;
  found.reserve(conf.external.size() + 2);
  for (const ExternalServer& server : conf.external) {
    found.push_back({.result = {.server = {server.address, kDns}}, .from_host = server.from_host});
  }
  if (conf.lists_external || major_of(engine) >= kEngineWithoutFallback) return found;
  for (const char* const address : {"8.8.8.8", "8.8.4.4"}) {
    found.push_back({.result = {.server = {*IpAddress::parse(address), kDns}}, .guessed = true});
  }
  return found;
}

/// Whether it is the host's own, in which nothing may be attached.
bool is_hosts(const sys::NetnsRef& netns) {
  const auto identity = netns.identity();
  return identity == sys::NetnsRef().identity() || identity == sys::NetnsRef::of_pid(1).identity();
}

/// Asks the servers in turn, over and over, as glibc does.
ProbeResult look_up(const sys::NetnsRef& netns, const ResolvConf& conf, const Options& options) {
  ProbeResult last;
  const Instant began = Clock::now();
  const Instant end = began + options.longest_lookup;
  for (int attempt = 0; attempt < conf.attempts; ++attempt) {
    for (std::size_t i = 0; i < conf.servers.size(); ++i) {
      const auto left = std::chrono::duration_cast<Milliseconds>(end - Clock::now());
      const Milliseconds patience = std::min(patience_with(conf, i), left);
      if (patience.count() <= 0) break;
      const auto asked = probe(netns, {{conf.servers[i], kDns}}, options.name, patience);
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

/// All that are asked from inside, or all that are asked from the host, at once.
void probe_externals(const sys::NetnsRef& netns, const Options& options, bool from_host,
                     std::vector<ExternalProbe>& externals) {
  std::vector<ExternalProbe*> chosen;
  std::vector<Endpoint> servers;
  for (ExternalProbe& external : externals) {
    if (external.from_host != from_host) continue;
    chosen.push_back(&external);
    servers.push_back(external.result.server);
  }
  const sys::NetnsRef from = from_host ? sys::NetnsRef() : netns;
  const auto asked = probe(from, servers, options.name, options.patience);
  if (!asked) return;
  for (std::size_t i = 0; i < chosen.size(); ++i) chosen[i]->result = (*asked)[i];
}

/// Nothing where they can't be read.
void look_at_rules(const sys::NetnsRef& netns, Findings& findings) {
  if (const auto gate = netfilter::find_gate(netns); gate && *gate) {
    findings.gate = (*gate)->alive() ? GateState::kServed : GateState::kAbandoned;
    findings.gate_owner = (*gate)->pid;
  }
  if (auto chains = netfilter::dropping_chains(netns)) findings.dropping = *std::move(chains);
}

Result<Findings> look(const Subject& subject, const Options& options) {
  const sys::NetnsRef netns(subject.netns);
  const auto routes = default_routes(netns);
  if (!routes) return std::unexpected(routes.error());
  Findings findings{.label = subject.label,
                    .attach_argument = subject.container  ? subject.container->name
                                       : subject.pid != 0 ? fmt::format("--pid {}", subject.pid)
                                                          : "--netns " + subject.netns,
                    .host_network = is_hosts(netns) || (subject.container &&
                                                        subject.container->network_mode == "host"),
                    .resolv_conf = parse_resolv_conf(resolv_conf_of(subject)),
                    .routes = *routes,
                    .engine = subject.engine,
                    .patience = options.patience};
  look_at_rules(netns, findings);
  const ResolvConf& conf = findings.resolv_conf;
  auto lookup = std::async(std::launch::async, [&] { return look_up(netns, conf, options); });
  if (std::ranges::find(conf.servers, kDockersResolver) != conf.servers.end()) {
    findings.external = externals(conf, findings.engine);
  }
  const auto ask = [&](bool from_host) {
    probe_externals(netns, options, from_host, findings.external);
  };
  auto inside = std::async(std::launch::async, ask, false);
  auto outside = std::async(std::launch::async, ask, true);
  auto servers = probe(netns, endpoints(conf.servers), options.name, options.patience);
  inside.get();
  outside.get();
  findings.lookup = lookup.get();
  if (!servers) return std::unexpected(servers.error());
  findings.servers = *std::move(servers);
  return findings;
}

}  // namespace

Result<std::string> examine(const Subject& subject, const Options& options) {
  const auto findings = look(subject, options);
  if (!findings) return std::unexpected(findings.error());
  return report(*findings, subject);
}

}  // namespace nxgate::doctor
