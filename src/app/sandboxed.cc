#include "app/sandboxed.h"

#include <csignal>
#include <cstdio>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <fmt/core.h>

#include "app/plan.h"
#include "app/relay_observers.h"
#include "app/sandbox_follower.h"
#include "app/sandbox_output.h"
#include "app/sandbox_ports.h"
#include "app/sandbox_report.h"
#include "app/sandbox_settings.h"
#include "app/sandbox_start.h"
#include "app/sandbox_terminal.h"
#include "attach/attachments.h"
#include "attach/dns_service.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/options.h"
#include "cli/report.h"
#include "firewall/firewall_reports.h"
#include "firewall/host_firewalls.h"
#include "helper/confinement.h"
#include "helper/helper.h"
#include "netfilter/gate.h"
#include "relay/relay.h"
#include "sandbox/sandbox.h"
#include "store/disk_files.h"
#include "store/policy_store.h"
#include "store/settings_source.h"
#include "sys/privileges.h"
#include "sys/resource_limits.h"
#include "workers/inherited_listeners.h"
#include "workers/worker.h"
#include "workers/workers.h"

namespace nxgate::app {

namespace asio = boost::asio;

namespace {

log::Level level_of(const cli::Options& options) {
  return options.verbosity == 0   ? log::Level::kError
         : options.verbosity == 1 ? log::Level::kInfo
                                  : log::Level::kExchange;
}

/// From here on this process has no rights, and its helper those in the sandbox.
Result<void> give_up_rights(Plan& plan, const sandbox::Sandbox& made, helper::Helper& helper) {
  plan.rights.helper = {.enter_namespaces = true, .find_by_process = true, .change_rules = true};
  plan.reach.attachable = {made.netns().text()};
  plan.reach.inside = made.pid();
  if (auto done = helper.activate("", plan.rights.helper, plan.rights.calls, plan.reach); !done) {
    return done;
  }
  if (auto done = sys::drop_privileges(plan.user, {}); !done) return done;
  return helper::confine_process(plan.rights.calls);
}

/// What it takes to serve a sandbox.
struct SandboxParts {
  const cli::Options& options;
  sandbox::Sandbox& made;
  helper::Helper& helper;
  Plan& plan;
  store::PolicyStore& policy_store;
  workers::Shared& shared;
  workers::Workers& workers;
  relay::Relay& relay;
  SandboxReport& report;
};

/// Serves it, and then runs the program in it.
int serve_and_run(SandboxParts parts) {
  asio::io_context loop(1);
  attach::DnsService dns(parts.workers);
  firewall::FirewallReports reports;
  attach::Attachments attachments(loop, parts.policy_store, dns, reports, parts.relay,
                                  netfilter::OnDeath::kStaysClosed);
  reports.on_refusals([&](const firewall::Report& report) {
    if (!report.all_refusals) parts.report.note_unknown();
    const auto snapshot = parts.policy_store.snapshots().load();
    for (const auto& view : attachments.view()) {
      const auto* const policy = snapshot->policies.find(view.key);
      for (const firewall::Refusal& each : report.refusals) {
        parts.report.note(each, policy == nullptr ? nullptr : policy->sets.get());
      }
    }
  });
  attach::Subject subject{.label = "the sandbox", .id = "run", .netns = parts.made.netns()};
  subject.choice.policy = parts.options.policy;
  subject.starting = true;
  subject.enclosed = true;
  if (auto done = attachments.add(subject); !done) return not_run(done.error().message);
  if (const auto failed = attachments.failed_firewalls(); !failed.empty()) {
    return not_run(failed.front());
  }
  attachments.begin_upkeep();
  if (auto done = open_sandbox_ports(parts.options.run, parts.made.netns(), loop); !done) {
    return not_run(done.error().message);
  }
  SandboxFollower run(parts.made, parts.helper, attachments, parts.shared.hub, parts.report, loop);
  const SandboxTerminal terminal;
  if (auto done = parts.made.run(); !done) return not_run(done.error().message);
  SandboxTerminal::let_go_of_streams();
  return run.to_the_end();
}

/// From the sandbox to the program's end.
int with_sandbox(const cli::Options& options, sandbox::Sandbox& made, helper::Helper& helper,
                 SandboxReport& report) {
  store::DiskFiles files;
  store::LoadedSettings loaded = load_for_sandbox(options, files);
  if (options.verbosity == 0) loaded.warnings.clear();
  if (cli::report(loaded.faults, loaded.warnings)) return cli::kNotRun;
  auto planned = plan_of(options, loaded.settings, sys::raise_descriptor_limit());
  if (!planned) return not_run(planned.error().message);
  Plan& plan = *planned;
  firewall::HostFirewalls firewalls;
  store::PolicyStore policy_store(options, files, std::move(loaded), plan.rights.helper, firewalls);
  workers::Shared shared(policy_store.snapshots(), plan.cache, plan.tcp, plan.rate, plan.workers);
  const workers::InheritedListeners none;
  workers::Workers workers(shared, none, plan.workers);
  if (auto open = workers.open({}); !open) return not_run(open.error().message);
  if (auto ready = made.wait_ready(); !ready) return not_run(ready.error().message);
  if (auto done = give_up_rights(plan, made, helper); !done) return not_run(done.error().message);
  relay::Relay relay(policy_store.snapshots(), relay_observers(shared.hub, plan.workers),
                     plan.relayed);
  policy_store.on_publish([&workers, &relay] {
    workers.refresh();
    relay.refresh();
  });
  if (auto running = relay.run(plan.rights.calls); !running) {
    return not_run(running.error().message);
  }
  if (auto running = workers.run(plan.rights.calls); !running) {
    return not_run(running.error().message);
  }
  const auto stop = [](workers::Workers* running) { running->stop(); };
  const std::unique_ptr<workers::Workers, decltype(stop)> running(&workers, stop);
  return serve_and_run({options, made, helper, plan, policy_store, shared, workers, relay, report});
}

}  // namespace

int run_sandboxed(const cli::Options& options) {
  log::set_level(level_of(options));
  if (auto fit = check_descriptors(options.run.kept); !fit) return not_run(fit.error().message);
  if (auto found = check_sockets(options.run.sockets); !found) {
    return not_run(found.error().message);
  }
  if (options.user) {
    if (auto done = become(options.user->value); !done) return not_run(done.error().message);
  }
  const auto learnt = SandboxOutput::at(options.run.learn);
  if (!learnt) return not_run("--learn " + learnt.error().message);
  const auto json = SandboxOutput::at(options.run.report);
  if (!json) return not_run("--report " + json.error().message);
  auto made = sandbox::Sandbox::start(program_of(options));
  if (!made) return not_run(made.error().message);
  std::signal(SIGPIPE, SIG_IGN);
  auto helper = helper::Helper::start();
  if (!helper) return not_run(helper.error().message);
  SandboxReport report(options);
  const int program = with_sandbox(options, *made, **helper, report);
  if (program == cli::kNotRun && made->pid() != 0) return program;
  report.tell_counts();
  const int status = report.status_for(program);
  if (learnt->wanted()) {
    if (auto done = learnt->write(report.as_list()); !done) return not_run(done.error().message);
  }
  if (json->wanted()) {
    if (auto done = json->write(report.as_json(status)); !done)
      return not_run(done.error().message);
  }
  return status;
}

int examine_sandbox() {
  auto made = sandbox::Sandbox::start({.command = {"true"}, .environment = {}});
  auto ready = made ? made->wait_ready() : Result<void>(std::unexpected(made.error()));
  if (!ready) return cli::failed(ready.error().message);
  fmt::print("`nxgate run` can make a sandbox here\n");
  return cli::kSuccess;
}

}  // namespace nxgate::app
