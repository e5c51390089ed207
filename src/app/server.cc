#include "app/server.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/attach_service.h"
#include "app/container_commands.h"
#include "app/main_loop.h"
#include "app/rights.h"
#include "attach/stale_tables.h"
#include "attach/subjects.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/options.h"
#include "cli/report.h"
#include "config/settings.h"
#include "containers/namespaces.h"
#include "containers/netns_watch.h"
#include "control/control_api.h"
#include "control/control_socket.h"
#include "docker/engine_process.h"
#include "firewall/firewall_reports.h"
#include "firewall/host_firewalls.h"
#include "helper/confinement.h"
#include "helper/helper.h"
#include "helper/reach.h"
#include "serve/dns_server.h"
#include "serve/limits.h"
#include "serve/worker_context.h"
#include "store/disk_files.h"
#include "store/policy_store.h"
#include "store/saved_rules.h"
#include "store/settings_source.h"
#include "store/snapshot_builder.h"
#include "store/standing_fault.h"
#include "sys/descriptor.h"
#include "sys/file_watch.h"
#include "sys/handed_sockets.h"
#include "sys/netns.h"
#include "sys/privileges.h"
#include "sys/service_manager.h"
#include "sys/socket.h"
#include "telemetry/counters.h"
#include "workers/inherited_listeners.h"
#include "workers/listeners.h"
#include "workers/query_logs.h"
#include "workers/watchdog.h"
#include "workers/worker.h"
#include "workers/workers.h"

namespace nxgate::app {
namespace {

/// Every TCP client and every port at an upstream holds a descriptor. Returns how many there may
/// be.
std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return SIZE_MAX;
  const rlimit before = limit;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) return limit.rlim_cur;
  log::warning("the limit on open files stays at {}; with many clients, connections may be refused",
               before.rlim_cur);
  return before.rlim_cur;
}

/// Any process with our user, in any container, counts against our limit of threads. Without the
/// right to raise it the limit stays as it was for root.
void raise_thread_limit() {
  const rlimit without_bound{RLIM_INFINITY, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_NPROC, &without_bound) == 0) return;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NPROC, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NPROC, &limit);
}

/// Half of the descriptors are kept for listeners, upstreams and attached containers.
void keep_descriptors(std::size_t descriptors, serve::TcpLimits& limits) {
  std::size_t& most = limits.connections.connections;
  if (most <= descriptors / 2) return;
  log::warning(
      "server.tcp-clients = {} leaves too few of {} open files for the rest; at most {} TCP "
      "connections are accepted at once; see `ulimit -n`",
      most, descriptors, descriptors / 2);
  most = descriptors / 2;
}

/// Warns once that others may run as the same user.
void warn_of_shared_user() {
  const std::string user = std::to_string(::geteuid());
  if (!sys::is_shared(user)) return;
  log::warning(
      "runs as nobody ({}); other programs that run as nobody can signal nxgate; `adduser --system "
      "--group --no-create-home nxgate` creates a user for nxgate, which it then uses by default",
      user);
}

/// Warns now, and not at the first reload, which files can't be read without root.
void warn_of_unreadable(const std::vector<std::string>& watched, const std::string& user) {
  for (const std::string& path : watched) {
    if (::access(path.c_str(), R_OK) == 0 || errno != EACCES) continue;
    log::warning("{} can't be read as {}: nxgate can't reload it", path, user);
  }
}

log::Level level_of(int verbosity) {
  constexpr log::Level kLevels[] = {log::Level::kInfo, log::Level::kQuery, log::Level::kExchange};
  return kLevels[std::clamp(verbosity, 0, 2)];
}

std::size_t worker_count(const config::ServerSettings& settings) {
  return settings.workers != 0 ? settings.workers
                               : std::max(1U, std::thread::hardware_concurrency());
}

/// From here on this process and its helper have only the rights in `rights`.
Result<void> give_up_rights(const Rights& rights, const helper::Reach& reach,
                            const std::string& user, std::unique_ptr<helper::Helper>& helper) {
  if (rights.helper.any()) {
    if (auto done = helper->activate(user, rights.helper, rights.calls, reach); !done) return done;
  } else {
    helper.reset();
  }
  if (auto done = sys::drop_privileges(user, rights.server); !done) return done;
  return helper::confine_process(rights.calls);
}

serve::TcpLimits tcp_limits(const config::ServerSettings& settings) {
  serve::TcpLimits limits;
  limits.connections = {.connections = settings.tcp_clients, .per_client = settings.tcp_per_client};
  limits.more_bytes = settings.tcp_memory;
  limits.idle = settings.tcp_idle;
  return limits;
}

serve::RateLimits rate_limits(const config::RateLimitSettings& settings) {
  return {.queries_per_second = settings.queries_per_second,
          .burst = settings.burst,
          .ipv4_prefix = static_cast<std::uint8_t>(settings.ipv4_prefix),
          .ipv6_prefix = static_cast<std::uint8_t>(settings.ipv6_prefix),
          .truncate = settings.truncate};
}

std::vector<sys::ListenAddress> addresses_of(const std::vector<serve::Listener>& listeners) {
  std::vector<sys::ListenAddress> addresses;
  for (const serve::Listener& each : listeners) addresses.push_back(each.at);
  return addresses;
}

/// A namespace that is missing now is a mistake; one that disappears later may come back.
Result<void> find_namespaces(const config::Settings& settings) {
  for (const config::UpstreamSettings& upstream : settings.upstreams) {
    if (upstream.netns.empty()) continue;
    if (auto found = sys::NetnsRef(upstream.netns).open(); !found) {
      return fail("upstream " + upstream.name.name + ": " + found.error().message);
    }
  }
  return {};
}

AttachSource attach_source(const std::optional<attach::Subjects>& subjects) {
  if (!subjects) return AttachSource::kNo;
  return subjects->socket.empty() ? AttachSource::kNamespaces : AttachSource::kContainers;
}

/// What an earlier nxgate left closed and this one won't take over. One that watches an engine
/// removes those of containers by itself, and a firewall for clients those of others on this host.
std::vector<store::StandingFault> left_closed_by_others(
    const std::optional<attach::Subjects>& subjects, bool has_client_firewalls) {
  std::set<std::uint64_t> spared;
  const auto spare = [&spared](const sys::NetnsRef& netns) {
    if (const auto identity = netns.identity()) spared.insert(*identity);
  };
  if (has_client_firewalls) spare(sys::NetnsRef());
  if (subjects) {
    for (const attach::Subject& each : subjects->namespaces) spare(each.netns);
    const std::string directory = docker::netns_directory(subjects->socket);
    for (const attach::Followed& each : subjects->containers) {
      spare(containers::netns_of(each.found(), directory));
    }
    if (subjects->watches_all()) {
      for (const sys::NetnsRef& each : containers::namespaces_in(directory)) spare(each);
    }
  }
  return attach::find_left_closed(spared);
}

int failed(const Error& error) {
  log::error("{}", error.message);
  return cli::kFailure;
}

}  // namespace

int serve(const cli::Options& options) {
  log::set_level(level_of(options.verbosity));
  std::signal(SIGPIPE, SIG_IGN);  // a log that nobody reads any more is no reason to end
  // First of all: our own descriptors must not be mistaken for sockets that were handed over.
  auto handed = sys::take_handed_sockets(sys::ListenEnvironment::take());
  if (!handed) return failed(handed.error());
  raise_thread_limit();
  auto helper = helper::Helper::start(docker::netns_directory);
  if (!helper) return failed(helper.error());
  sys::ServiceManager manager(sys::ServiceEnvironment::take());
  store::DiskFiles files;
  store::LoadedSettings loaded = store::load_settings(options, files);
  if (cli::report(loaded.faults, loaded.warnings)) return cli::kFailure;
  if (auto found = find_namespaces(loaded.settings); !found) return failed(found.error());
  const std::size_t descriptors = raise_descriptor_limit();

  const auto listeners = workers::to_open(loaded.settings.server.listen, workers::host_has_ipv6());
  const std::size_t count = worker_count(loaded.settings.server);
  const config::ServerSettings& asked = loaded.settings.server;
  const std::string user = asked.user.empty() ? sys::usual_user() : asked.user;
  const bool attaches =
      options.command == cli::Command::kAttach || options.command == cli::Command::kDocker;
  const std::string description = store::describe(loaded.settings);
  const auto limits = store::cache_limits(loaded.settings.cache);
  serve::TcpLimits tcp = tcp_limits(loaded.settings.server);
  keep_descriptors(descriptors, tcp);
  const serve::RateLimits rate = rate_limits(loaded.settings.server.rate_limit);
  std::optional<attach::Subjects> subjects;
  if (attaches) {
    auto found = find_subjects(named_by(options), loaded.settings.docker);
    if (!found) return failed(found.error());
    subjects = *std::move(found);
  }
  const Rights kept = rights(loaded.settings, attach_source(subjects));
  const helper::Reach bounds =
      reach(loaded.settings, addresses_of(listeners), subjects ? &*subjects : nullptr);
  const config::ControlSettings control = loaded.settings.control;
  const config::QueryLogSettings logged = loaded.settings.query_log;
  firewall::HostFirewalls firewalls;
  store::PolicyStore policy_store(options, files, std::move(loaded), kept.helper, firewalls);

  workers::Shared shared(policy_store.snapshots(), limits, tcp, rate, count);
  auto inherited = workers::match_inherited(listeners, *std::move(handed), count);
  if (!inherited) return failed(inherited.error());
  if (auto free = serve::probe_free(listeners, inherited->open); !free) return failed(free.error());
  workers::Workers workers(shared, *inherited, count);
  if (auto opened = workers.open(std::move(inherited->open)); !opened) {
    return failed(opened.error());
  }
  const auto state = store::prepare_state(control.state, user);
  if (!state) return failed(state.error());
  auto sockets = control::open_control(control);
  if (!sockets) return failed(sockets.error());
  auto log_file = workers::open_query_log(logged, user);
  if (!log_file) return failed(log_file.error());
  const auto left_closed =
      left_closed_by_others(subjects, !policy_store.client_firewalls().empty());
  // These count for root, and not for a user that any container can run as: inotify instances and
  // epoll watches count for the user who created them.
  MainLoop loop(policy_store, manager, sys::FileWatch());
  sys::Descriptor inotify;
  if (attaches) inotify = containers::NetnsWatch::open_inotify();
  if (auto done = give_up_rights(kept, bounds, user, *helper); !done) return failed(done.error());
  policy_store.on_publish([&workers] { workers.refresh(); });
  warn_of_shared_user();
  warn_of_unreadable(policy_store.watched(), user);
  for (const store::StandingFault& each : policy_store.standing_faults())
    log::error("{}", each.text);
  for (const store::StandingFault& each : left_closed) log::warning("{}", each.text);
  if (auto up =
          firewalls.enforce(policy_store.client_firewalls(), *policy_store.snapshots().load());
      !up) {
    return failed(up.error());
  }
  firewall::FirewallReports reports;
  const auto enforce = [&] {
    // Failures are logged there, and retried.
    (void)firewalls.enforce(policy_store.client_firewalls(), *policy_store.snapshots().load());
  };
  loop.after_reload(enforce);
  workers::QueryLogs logs(shared.hub, logged, *std::move(log_file));
  if (logs.file) loop.on_rotation([&logs] { logs.file->reopen(); });
  if (auto running = workers.run(kept.calls); !running) return failed(running.error());
  firewalls.watch(loop.loop(), reports, enforce);
  const control::ControlRoom room;
  control::ControlApi api({loop.loop(), loop, policy_store, workers, shared, shared.hub, firewalls,
                           reports, listeners, control, logs, room, left_closed});
  const control::ControlServers servers(loop.loop(), api, *std::move(sockets), control, room);
  const std::string status = fmt::format(
      "{} worker{}{}, {}", count, count == 1 ? "" : "s",
      listeners.empty() ? "" : fmt::format(" on {} (udp, tcp)", workers::describe(listeners)),
      description);
  const auto ready = [&] {
    log::info("ready: {}", status);
    manager.ready(status);
  };
  std::optional<workers::Watchdog> watchdog;
  if (const auto within = manager.watchdog()) {
    watchdog.emplace(loop.loop(), *within / 2, workers, [&] { manager.alive(); });
  }
  if (*helper) loop.depend_on(**helper);
  if (!subjects) ready();
  const Result<std::string> ended =
      subjects ? run_attach_service(loop, options, *std::move(subjects), policy_store, workers,
                                    reports, api, std::move(inotify), ready)
               : loop.run();
  workers.stop();
  if (loop.ending() == Ending::kHandOver) {
    firewalls.hand_over();
  } else {
    firewalls.stop();
  }
  const std::string summary = workers.summary();
  log::flush_repeated();
  if (!ended) return failed(ended.error());
  log::info("stopped by {}: {}", *ended, summary.empty() ? "no queries" : summary);
  return cli::kSuccess;
}

}  // namespace nxgate::app
