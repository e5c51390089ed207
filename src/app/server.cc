#include "app/server.h"

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "app/attach_service.h"
#include "app/main_loop.h"
#include "app/plan.h"
#include "app/relay_observers.h"
#include "app/rights.h"
#include "attach/stale_tables.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/options.h"
#include "cli/report.h"
#include "config/settings.h"
#include "containers/netns_watch.h"
#include "control/control_api.h"
#include "control/control_socket.h"
#include "docker/container_place.h"
#include "docker/engine_process.h"
#include "firewall/firewall_reports.h"
#include "firewall/host_firewalls.h"
#include "helper/confinement.h"
#include "helper/helper.h"
#include "helper/reach.h"
#include "relay/relay.h"
#include "serve/dns_server.h"
#include "store/disk_files.h"
#include "store/policy_store.h"
#include "store/saved_rules.h"
#include "store/settings_source.h"
#include "store/standing_fault.h"
#include "sys/descriptor.h"
#include "sys/file_watch.h"
#include "sys/handed_sockets.h"
#include "sys/netns.h"
#include "sys/privileges.h"
#include "sys/resource_limits.h"
#include "sys/service_manager.h"
#include "telemetry/counters.h"
#include "workers/inherited_listeners.h"
#include "workers/listeners.h"
#include "workers/query_logs.h"
#include "workers/watchdog.h"
#include "workers/worker.h"
#include "workers/workers.h"

namespace nxgate::app {
namespace {

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

int failed(const Error& error) {
  log::error("{}", error.message);
  return cli::kFailure;
}

/// What is opened as root, and isn't the workers'.
struct Opened {
  std::optional<sys::Descriptor> state;  ///< locked against other servers until the end
  control::ControlSockets control;
  sys::Descriptor query_log;
  sys::Descriptor inotify;  ///< of containers::NetnsWatch
  std::vector<store::StandingFault> left_closed;
};

/// Inotify instances and epoll watches count for root who created them, and not for a user that any
/// container can run as.
Result<Opened> open_as_root(const Plan& plan, bool has_client_firewalls) {
  std::set<std::uint64_t> spared;  // a firewall for clients takes over those of others on this host
  if (plan.subjects) {
    spared = attach::taken_over(*plan.subjects, docker::netns_directory(plan.subjects->socket));
  }
  if (const auto own = sys::NetnsRef().identity(); own && has_client_firewalls) spared.insert(*own);
  auto state = store::prepare_state(plan.control.state, plan.user);
  if (!state) return std::unexpected(state.error());
  auto control = control::open_control(plan.control);
  if (!control) return std::unexpected(control.error());
  auto query_log = workers::open_query_log(plan.query_log, plan.user);
  if (!query_log) return std::unexpected(query_log.error());
  Opened opened{.state = *std::move(state),
                .control = *std::move(control),
                .query_log = *std::move(query_log),
                .inotify = {},
                .left_closed = attach::find_left_closed(spared)};
  if (plan.subjects) opened.inotify = containers::NetnsWatch::open_inotify();
  return opened;
}

/// What isn't as it should be from the start on.
void warn(const Plan& plan, const store::PolicyStore& policy_store,
          const std::vector<store::StandingFault>& left_closed) {
  sys::warn_of_shared_user();
  store::warn_of_unreadable(policy_store.watched(), plan.user);
  for (const store::StandingFault& each : policy_store.standing_faults()) {
    log::error("{}", each.text);
  }
  if (const auto fault = store::state_fault(plan.control.state)) log::error("{}", *fault);
  for (const store::StandingFault& each : left_closed) log::warning("{}", each.text);
}

/// The parts of a server that has given up its rights.
struct ServerParts {
  const cli::Options& options;
  Plan& plan;
  Opened& opened;
  sys::ServiceManager& manager;
  store::PolicyStore& policy_store;
  firewall::HostFirewalls& firewalls;
  workers::Shared& shared;
  workers::Workers& workers;
  relay::Relay& relay;
  MainLoop& loop;
};

/// From the first query to the last; the result is why it ended.
Result<std::string> run(ServerParts parts) {
  auto& [options, plan, opened, manager, policy_store, firewalls, shared, workers, relay, loop] =
      parts;
  if (auto running = relay.run(plan.rights.calls); !running) {
    return std::unexpected(running.error());
  }
  firewalls.check_by(relay);
  const auto enforce = [&] {
    return firewalls.enforce(policy_store.client_firewalls(), policy_store.snapshots());
  };
  if (auto up = enforce(); !up) return std::unexpected(up.error());
  // Later failures are logged there, and retried.
  const auto follow = [&] { (void)enforce(); };
  firewall::FirewallReports reports;
  loop.after_reload(follow);
  workers::QueryLogs logs(shared.hub, plan.query_log, std::move(opened.query_log));
  if (logs.file) loop.on_rotation([&logs] { logs.file->reopen(); });
  if (auto running = workers.run(plan.rights.calls); !running) {
    return std::unexpected(running.error());
  }
  firewalls.watch(loop.loop(), reports, follow);
  const control::ControlRoom room;
  control::ControlApi api({loop.loop(), loop, policy_store, workers, shared, shared.hub, firewalls,
                           reports, plan.listeners, plan.control, logs, room, relay,
                           opened.left_closed});
  const control::ControlServers servers(loop.loop(), api, std::move(opened.control), plan.control,
                                        room);
  const std::string status = fmt::format(
      "{} worker{}{}, {}", plan.workers, plan.workers == 1 ? "" : "s",
      plan.listeners.empty() ? ""
                             : fmt::format(" on {} (udp, tcp)", workers::describe(plan.listeners)),
      plan.description);
  const auto ready = [&] {
    log::info("ready: {}", status);
    manager.ready(status);
  };
  std::optional<workers::Watchdog> watchdog;
  if (const auto within = manager.watchdog()) {
    watchdog.emplace(loop.loop(), *within / 2, workers, [&] { manager.alive(); });
  }
  if (!plan.subjects) ready();
  auto ended = plan.subjects ? run_attach_service(loop, options, *std::move(plan.subjects),
                                                  policy_store, workers, relay, reports, api,
                                                  std::move(opened.inotify), ready)
                             : loop.run();
  workers.stop();
  if (loop.ending() == Ending::kHandOver) {
    firewalls.hand_over();
  } else {
    firewalls.stop();
  }
  return ended;
}

}  // namespace

int serve(const cli::Options& options) {
  log::set_level(cli::log_level(options));
  std::signal(SIGPIPE, SIG_IGN);  // a log that nobody reads any more is no reason to end
  // First of all: our own descriptors must not be mistaken for sockets that were handed over.
  auto handed = sys::take_handed_sockets(sys::ListenEnvironment::take());
  if (!handed) return failed(handed.error());
  sys::raise_thread_limit();
  auto helper = helper::Helper::start({docker::netns_directory, docker::find_container_netns});
  if (!helper) return failed(helper.error());
  sys::ServiceManager manager(sys::ServiceEnvironment::take());
  store::DiskFiles files;
  store::LoadedSettings loaded = store::load_settings(options, files);
  if (cli::report(loaded.faults, loaded.warnings)) return cli::kFailure;
  auto planned = plan_of(options, loaded.settings, sys::raise_descriptor_limit());
  if (!planned) return failed(planned.error());
  Plan& plan = *planned;
  firewall::HostFirewalls firewalls;
  store::PolicyStore policy_store(options, files, std::move(loaded), plan.rights.helper, firewalls);

  workers::Shared shared(policy_store.snapshots(), plan.cache, plan.tcp, plan.rate, plan.workers);
  auto inherited = workers::match_inherited(plan.listeners, *std::move(handed), plan.workers);
  if (!inherited) return failed(inherited.error());
  if (auto free = serve::probe_free(plan.listeners, inherited->open); !free) {
    return failed(free.error());
  }
  workers::Workers workers(shared, *inherited, plan.workers);
  if (auto open = workers.open(std::move(inherited->open)); !open) return failed(open.error());
  auto opened = open_as_root(plan, !policy_store.client_firewalls().empty());
  if (!opened) return failed(opened.error());
  MainLoop loop(policy_store, manager, sys::FileWatch());
  if (auto done = give_up_rights(plan.rights, plan.reach, plan.user, *helper); !done) {
    return failed(done.error());
  }
  relay::Relay relay(policy_store.snapshots(), relay_observers(shared.hub, plan.workers),
                     plan.relayed);
  policy_store.on_publish([&workers, &relay] {
    workers.refresh();
    relay.refresh();
  });
  if (*helper) loop.depend_on(**helper);
  warn(plan, policy_store, opened->left_closed);
  loop.follow(plan.containers);
  const auto ended =
      run({options, plan, *opened, manager, policy_store, firewalls, shared, workers, relay, loop});
  const std::string summary = workers.summary();
  log::flush_repeated();
  if (!ended) return failed(ended.error());
  log::info("stopped by {}: {}", *ended, summary.empty() ? "no queries" : summary);
  return cli::kSuccess;
}

}  // namespace nxgate::app
