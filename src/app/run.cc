#include "app/run.h"

#include <cstdio>
#include <string>
#include <utility>
#include <variant>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/core.h>

#include "app/completion.h"
#include "app/disk_files.h"
#include "app/explain.h"
#include "app/host_fences.h"
#include "app/manual.h"
#include "app/operate.h"
#include "app/options.h"
#include "app/reloader.h"
#include "app/report.h"
#include "app/runtime_hook.h"
#include "app/server.h"
#include "app/settings_source.h"
#include "app/snapshot_builder.h"
#include "app/targeted.h"
#include "base/error.h"
#include "base/escape.h"
#include "config/value.h"
#include "wire/query.h"
#include "wire/types.h"

namespace nxgate::app {
namespace {

int check(const Options& options) {
  DiskFiles files;
  const LoadedSettings loaded = load_settings(options, files);
  if (options.json) {
    fmt::print("{}\n",
               boost::json::serialize(boost::json::object{{"faults", to_json(loaded.faults)},
                                                          {"warnings", to_json(loaded.warnings)}}));
    return loaded.faults.empty() ? kSuccess : kFailure;
  }
  if (report(loaded)) return kFailure;
  fmt::print("{}: ok, {}\n", options.config.value_or(""), describe(loaded.settings));
  return kSuccess;
}

/// Whether a policy is given, and no server need run.
bool asks_offline(const Options& options) {
  return options.config || !options.allow.empty() || !options.deny.empty() ||
         !options.allow_files.empty() || !options.hosts.empty() || !options.records.empty() ||
         !options.upstream.empty() || options.on_upstream_failure;
}

int explain_question(const Options& options) {
  const bool offline = asks_offline(options);
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
    return kUsage;
  }
  if (!offline) return operate(options);
  DiskFiles files;
  LoadedSettings loaded = load_settings(options, files);
  if (report(loaded)) return kFailure;
  Registry registry;
  HostFences fences;  // of which none is put up
  const auto snapshot = build_snapshot(std::move(loaded.settings), registry, fences, 1);
  const wire::Question question{*name, *type, wire::Class::kIn};
  const Facts facts = explain(*snapshot, question, *client);
  if (options.json) {
    boost::json::object object;
    for (const auto& [what, value] : facts) object[what] = value;
    fmt::print("{}\n", boost::json::serialize(object));
  } else {
    fmt::print("{}", to_text(facts));
  }
  return kSuccess;
}

int run(const Options& options) {
  switch (options.command) {
    case Command::kServe:
    case Command::kForward:
    case Command::kAttach:
    case Command::kDocker:
      return serve(options);
    case Command::kDetach:
      return detach(options);
    case Command::kInstallHook:
      return install_hook(options);
    case Command::kDoctor:
      return examine(options);
    case Command::kRuntime:
      return run_runtime(options);
    case Command::kHook:
      return run_hook(options);
    case Command::kCompletion:
      fmt::print("{}", completion(options.shell, describe_commands()));
      return kSuccess;
    case Command::kManual:
      fmt::print("{}", options.page == "nxgate" ? command_page(describe_commands())
                                                : configuration_page());
      return kSuccess;
    case Command::kCheck:
      return check(options);
    case Command::kExplain:
      return explain_question(options);
    case Command::kStatus:
    case Command::kWatch:
    case Command::kTop:
    case Command::kAllow:
    case Command::kDeny:
    case Command::kRules:
    case Command::kReload:
    case Command::kFlush:
    case Command::kAttachments:
    case Command::kHealth:
    case Command::kMetrics:
    case Command::kLearn:
    case Command::kLearnStart:
    case Command::kLearnStop:
    case Command::kLearnForget:
    case Command::kLearnPropose:
      return operate(options);
  }
  return kUsage;
}

}  // namespace

int run(int argc, const char* const* argv) {
  const auto parsed = parse_command_line(argc, argv);
  if (const auto* const farewell = std::get_if<Farewell>(&parsed)) {
    fmt::print(farewell->status == kSuccess ? stdout : stderr, "{}", farewell->text);
    return farewell->status;
  }
  return run(std::get<Options>(parsed));
}

}  // namespace nxgate::app
