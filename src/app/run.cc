#include "app/run.h"

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/core.h>

#include "app/container_commands.h"
#include "app/sandboxed.h"
#include "app/server.h"
#include "attach/runtime_hook.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/escape.h"
#include "base/json.h"
#include "cli/completion.h"
#include "cli/manual.h"
#include "cli/operate.h"
#include "cli/options.h"
#include "cli/report.h"
#include "config/value.h"
#include "engine/decision.h"
#include "engine/snapshot.h"
#include "firewall/host_firewalls.h"
#include "policy/presets.h"
#include "store/disk_files.h"
#include "store/explain.h"
#include "store/explain_connection.h"
#include "store/policy_store.h"
#include "store/settings_source.h"
#include "store/snapshot_builder.h"
#include "sys/inherited.h"
#include "wire/query.h"
#include "wire/types.h"

namespace nxgate::app {
namespace {

int check(const cli::Options& options) {
  store::DiskFiles files;
  const store::LoadedSettings loaded = store::load_settings(options, files);
  if (options.json) {
    fmt::print("{}\n",
               boost::json::serialize(boost::json::object{{"faults", to_json(loaded.faults)},
                                                          {"warnings", to_json(loaded.warnings)}}));
    return loaded.faults.empty() ? cli::kSuccess : cli::kFailure;
  }
  if (cli::report(loaded.faults, loaded.warnings)) return cli::kFailure;
  fmt::print("{}: ok, {}\n", options.config.value_or(""), store::describe(loaded.settings));
  return cli::kSuccess;
}

/// Whether a policy is given, so that no running server is needed.
bool asks_offline(const cli::Options& options) {
  return options.config || !options.allow.empty() || !options.deny.empty() ||
         !options.allow_files.empty() || !options.presets.empty() || !options.hosts.empty() ||
         !options.records.empty() || !options.upstream.empty() || options.on_upstream_failure;
}

void print_facts(const store::Facts& facts, bool as_json) {
  if (!as_json) return fmt::print("{}", store::to_text(facts));
  boost::json::object object;
  for (const auto& [what, value] : facts) object[what] = value;
  fmt::print("{}\n", boost::json::serialize(object));
}

/// By the configuration that the options name; nothing if it has errors, which are told.
std::shared_ptr<const engine::Snapshot> offline_snapshot(const cli::Options& options) {
  store::DiskFiles files;
  store::LoadedSettings loaded = store::load_settings(options, files);
  if (cli::report(loaded.faults, loaded.warnings)) return nullptr;
  store::Registry registry;
  firewall::HostFirewalls firewalls;  // of which none is put up
  return store::build_snapshot(std::move(loaded.settings), registry, firewalls, 1);
}

int explain_connection(const cli::Options& options) {
  const bool offline = asks_offline(options);
  const auto connection = store::parse_connection(options.connect, options.address);
  const auto client =
      config::parse_address(options.client.empty() || !offline ? "127.0.0.1" : options.client);
  if (!connection || !client || (offline && connection->address)) {
    fmt::print(stderr, "{}\n",
               !connection ? "--" + connection.error().message
               : !client
                   ? "--client: " + client.error().message
                   : "only a running server knows what is open: without --config and the like");
    return cli::kUsage;
  }
  if (!offline) return cli::operate(options);
  const auto snapshot = offline_snapshot(options);
  if (!snapshot) return cli::kFailure;
  const wire::Question any{{}, wire::Type::kA, wire::Class::kIn};
  const auto decision = engine::decide(*snapshot, any, *client, {}, Clock::now());
  print_facts(
      store::explain_connection(decision.policy, *connection, client->to_string(), {}, Clock::now())
          .facts,
      options.json);
  return cli::kSuccess;
}

int explain_question(const cli::Options& options) {
  const bool offline = asks_offline(options);
  if (!offline && IpAddress::parse(options.name)) return cli::operate(options);
  const auto name = config::parse_domain(options.name);
  const auto type = wire::parse_type(options.type);
  // A running server knows its containers by name as well.
  const auto client =
      config::parse_address(options.client.empty() || !offline ? "127.0.0.1" : options.client);
  if (!name || !type || !client) {
    const std::string text =
        !name ? "NAME: " + name.error().message
        : !type
            ? fmt::format("--type: {}: expected a record type, such as AAAA", quote(options.type))
            : "--client: " + client.error().message;
    fmt::print(stderr, "{}\n", text);
    return cli::kUsage;
  }
  if (!offline) return cli::operate(options);
  const auto snapshot = offline_snapshot(options);
  if (!snapshot) return cli::kFailure;
  const wire::Question question{*name, *type, wire::Class::kIn};
  print_facts(store::explain(*snapshot, question, *client), options.json);
  return cli::kSuccess;
}

int show_presets(const cli::Options& options) {
  if (const policy::Preset* const preset = policy::find_preset(options.name)) {
    fmt::print("{}", preset->text);
    return cli::kSuccess;
  }
  for (const policy::Preset& preset : policy::presets()) {
    fmt::print("{:<14}{}\n", preset.name, preset.summary());
  }
  return cli::kSuccess;
}

attach::RuntimeHook hook_of(const cli::Options& options) {
  return {.runtime = options.runtime, .socket = options.hook_socket};
}

int install_hook(const cli::Options& options) {
  const auto wrapper = attach::install_hook(hook_of(options), options.directory);
  if (!wrapper) return cli::failed(wrapper.error().message);
  fmt::print(
      "wrote {0}\n\n"
      "Add it to /etc/docker/daemon.json,\n\n"
      "    {{ \"runtimes\": {{ \"nxgate\": {{ \"path\": \"{0}\" }} }} }}\n\n"
      "reload the engine (systemctl reload docker), and start containers with\n\n"
      "    docker run --runtime nxgate ...\n\n"
      "or make it the default with \"default-runtime\": \"nxgate\". No container starts under it\n"
      "unless `nxgate docker` is running. BuildKit build steps don't start under it: set their\n"
      "policy with docker.builds.\n",
      *wrapper);
  return cli::kSuccess;
}

int run_hook(const cli::Options& options) {
  const auto done = attach::run_hook(hook_of(options));
  return done ? cli::kSuccess : cli::failed(done.error().message);
}

int run(const cli::Options& options) {
  switch (options.command) {
    case cli::Command::kServe:
    case cli::Command::kForward:
    case cli::Command::kAttach:
    case cli::Command::kDocker:
      return serve(options);
    case cli::Command::kDetach:
      return detach(options);
    case cli::Command::kInstallHook:
      return install_hook(options);
    case cli::Command::kDoctor:
      return options.doctor_run ? examine_sandbox() : examine(options);
    case cli::Command::kRun:
    case cli::Command::kShell:
      return run_sandboxed(options);
    case cli::Command::kRuntime:
      return cli::failed(attach::run_runtime(hook_of(options), options.runtime_arguments).message);
    case cli::Command::kHook:
      return run_hook(options);
    case cli::Command::kCompletion:
      fmt::print("{}", cli::completion(options.shell, cli::describe_commands()));
      return cli::kSuccess;
    case cli::Command::kManual:
      fmt::print("{}", options.page == "nxgate" ? cli::command_page(cli::describe_commands())
                                                : cli::configuration_page());
      return cli::kSuccess;
    case cli::Command::kCheck:
      return check(options);
    case cli::Command::kExplain:
      return options.connect.empty() ? explain_question(options) : explain_connection(options);
    case cli::Command::kPresets:
      return show_presets(options);
    case cli::Command::kStatus:
    case cli::Command::kWatch:
    case cli::Command::kTop:
    case cli::Command::kAllow:
    case cli::Command::kDeny:
    case cli::Command::kRules:
    case cli::Command::kReload:
    case cli::Command::kFlush:
    case cli::Command::kAttachments:
    case cli::Command::kConnections:
    case cli::Command::kHealth:
    case cli::Command::kMetrics:
    case cli::Command::kLearn:
    case cli::Command::kLearnStart:
    case cli::Command::kLearnStop:
    case cli::Command::kLearnForget:
    case cli::Command::kLearnPropose:
      return cli::operate(options);
  }
  return cli::kUsage;
}

}  // namespace

int run(int argc, const char* const* argv) {
  sys::fill_streams();
  const auto parsed = cli::parse_command_line(argc, argv);
  if (const auto* const early = std::get_if<cli::EarlyExit>(&parsed)) {
    fmt::print(early->status == cli::kSuccess ? stdout : stderr, "{}", early->text);
    // The program didn't run, and may have a status of its own.
    const bool to_run = argc > 1 && std::string_view(argv[1]) == "run";
    return to_run && early->status != cli::kSuccess ? cli::kNotRun : early->status;
  }
  return run(std::get<cli::Options>(parsed));
}

}  // namespace nxgate::app
