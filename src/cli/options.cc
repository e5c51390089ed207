#include "cli/options.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "base/log.h"
#include "cli/command_tree.h"
#include "cli/help.h"
#include "cli/operate_options.h"
#include "cli/server_options.h"

namespace nxgate::cli {
namespace {

struct CommandRow {
  Command command;
  std::string_view name;  ///< the last word; those before name a command that stands further up
  const char* help;
  void (*add)(CLI::App& command, Options& options);
};

constexpr CommandRow kCommands[] = {
    {Command::kServe, "serve", "Serve DNS: resolve allowed names and deny all others", add_serve},
    {Command::kForward, "forward", "Serve one network's DNS in another: forward everything to --to",
     add_forward},
    {Command::kAttach, "attach",
     "Attach to a running container or network namespace and answer all its DNS queries",
     add_attach},
    {Command::kDetach, "detach",
     "Remove the gate and firewall that a killed nxgate left in a container or namespace",
     add_detach},
    {Command::kDocker, "docker", "Watch a Docker engine and attach to containers as they start",
     add_docker},
    {Command::kInstallHook, "docker install-hook",
     "Install a container runtime wrapper that starts no container before it is attached",
     add_install_hook},
    {Command::kDoctor, "doctor", "Diagnose slow lookups in a container; changes nothing",
     add_doctor},
    {Command::kRun, "run",
     "Run a program in a sandbox of its own, without root: allowed names are all that it reaches",
     add_run},
    {Command::kShell, "shell", "Run your shell in a sandbox of its own", add_shell},
    {Command::kCheck, "check", "Report every error in a configuration as file:line:column",
     add_check},
    {Command::kExplain, "explain",
     "Explain how a query would be answered, or a connection be judged, and by which rule",
     add_explain},
    {Command::kPresets, "presets", "List the lists of names that come with nxgate, or show one",
     add_presets},
    {Command::kStatus, "status", "Show the state of the running server", add_status},
    {Command::kWatch, "watch",
     "Show queries as they are answered, and connections whose names are checked", add_watch},
    {Command::kTop, "top", "Show the most denied names and clients on a full screen", add_top},
    {Command::kAllow, "allow", "Allow a name on the running server", add_allow},
    {Command::kDeny, "deny", "Deny a name on the running server", add_deny},
    {Command::kRules, "rules", "List the rules added to the running server", add_rules},
    {Command::kReload, "reload", "Reload the configuration", add_reload},
    {Command::kFlush, "flush", "Flush cached answers and failures", add_flush},
    {Command::kAttachments, "attachments", "List the attached containers", add_attachments},
    {Command::kConnections, "connections", "List the open connections whose names are checked",
     add_connections},
    {Command::kHealth, "health",
     "Check that the server runs and that everything that should be attached is", add_health},
    {Command::kMetrics, "metrics", "Print metrics in Prometheus format", add_metrics},
    {Command::kLearn, "learn", "List policies in learning mode", add_learn},
    {Command::kLearnStart, "learn start", "Start learning: record queries and resolve everything",
     add_learn_start},
    {Command::kLearnStop, "learn stop", "Stop learning and enforce the policy again",
     add_learn_stop},
    {Command::kLearnForget, "learn forget", "Delete what was recorded", add_learn_stop},
    {Command::kLearnPropose, "learn propose", "Propose rules from what was recorded",
     add_learn_propose},
    {Command::kRuntime, "oci-runtime", "", add_runtime},
    {Command::kHook, "oci-hook", "", add_hook},
    {Command::kCompletion, "completion", "Print a shell completion script", add_completion},
    {Command::kManual, "man", "Print a manual page in roff: nxgate(1) or nxgate.toml(5)",
     add_manual},
};

/// Adds the command of a row below the one it belongs to.
CLI::App* add_command(CLI::App& app, const CommandRow& row, Options& options) {
  const auto space = row.name.rfind(' ');
  const bool nested = space != std::string_view::npos;
  CLI::App* const parent =
      nested ? app.get_subcommand(std::string(row.name.substr(0, space))) : &app;
  const std::string name(nested ? row.name.substr(space + 1) : row.name);
  CLI::App* const command = parent->add_subcommand(name, row.help);
  command->footer(help_footer());
  row.add(*command, options);
  return command;
}

/// What has a network namespace.
constexpr std::string_view kTargets =
    "a running container by name or id, a process, or a network namespace by path or by its name "
    "in `ip netns`";

/// Checks that involve several options.
std::optional<std::string> contradiction(const Options& options) {
  const bool wants_target =
      options.command == Command::kAttach || options.command == Command::kDetach;
  if (wants_target && options.containers.empty() && options.namespaces.empty()) {
    return fmt::format("expected a CONTAINER, --pid N or --netns NETNS: {}", kTargets);
  }
  if (options.command == Command::kDoctor && options.name.empty() != options.doctor_run) {
    return fmt::format("expected a TARGET: {}; or --run", kTargets);
  }
  if (options.command == Command::kRun || options.command == Command::kShell) {
    if (options.run.program.empty()) return "expected `-- PROGRAM`, with its arguments";
    const bool has_policy = options.config || !options.allow.empty() ||
                            !options.allow_files.empty() || !options.presets.empty() ||
                            !options.run.learn.empty();
    if (has_policy == options.run.deny_all) {
      return options.run.deny_all
                 ? "--deny-all goes with nothing that allows"
                 : "expected what to allow: --allow NAME, --allow-file FILE, --preset PRESET, "
                   "--config FILE, --learn FILE for everything, or --deny-all for nothing";
    }
  }
  if (options.command == Command::kExplain && options.name.empty() == options.connect.empty()) {
    return "expected a NAME, or --connect NAME:PORT";
  }
  if (options.connect.empty() && !options.address.empty()) return "--address needs --connect";
  if (!options.config) return std::nullopt;
  Options::Texts given;
  for (const auto* texts : {&options.allow, &options.deny, &options.allow_files, &options.presets,
                            &options.hosts, &options.records, &options.upstream}) {
    given.insert(given.end(), texts->begin(), texts->end());
  }
  if (options.on_upstream_failure) given.push_back(*options.on_upstream_failure);
  if (given.empty()) return std::nullopt;
  return fmt::format("{} and --config cannot be combined; set it in {}", given.front().at.file,
                     *options.config);
}

/// Everything except `help`: forwarding is serving with everything allowed, and a shell is a
/// program.
std::variant<Options, EarlyExit> checked(Options options) {
  if (options.command == Command::kShell) {
    const char* const shell = std::getenv("SHELL");  // NOLINT(concurrency-mt-unsafe)
    options.run.program = {shell != nullptr && *shell != '\0' ? shell : "/bin/sh"};
  }
  if (const auto wrong = contradiction(options)) return EarlyExit{kUsage, *wrong + "\n"};
  if (options.command == Command::kForward && options.allow.empty()) {
    options.allow.push_back({". force", {"--to", 0, 0}});
  }
  return options;
}

/// The tree of commands, and where it puts what it parses.
struct CommandLine {
  CLI::App app{"nxgate, a default-deny DNS server", "nxgate"};
  Options options;
  std::map<const CLI::App*, Command> commands;
  CLI::App* help = nullptr;
  std::vector<std::string> topic;  ///< the words of a subcommand: `learn`, `start`

  CommandLine() {
    app.formatter(help_formatter());
    app.set_version_flag("--version", "nxgate " NXGATE_VERSION);
    app.footer(help_footer());
    app.require_subcommand(1);
    for (const CommandRow& row : kCommands) {
      commands.emplace(add_command(app, row, options), row.command);
    }
    help = app.add_subcommand("help", "Show help for a subcommand");
    help->add_option("SUBCOMMAND", topic, "Subcommand to show help for");
  }
};

}  // namespace

log::Level log_level(const Options& options) {
  constexpr log::Level kLevels[] = {log::Level::kInfo, log::Level::kQuery, log::Level::kExchange};
  return kLevels[std::clamp(options.verbosity, 0, 2)];
}

CommandNode describe_commands() { return read_commands(CommandLine().app); }

std::variant<Options, EarlyExit> parse_command_line(int argc, const char* const* argv) {
  CommandLine line;
  CLI::App& app = line.app;
  try {
    app.parse(argc, argv);
    const CLI::App* chosen = app.get_subcommands().front();
    while (!chosen->get_subcommands().empty()) chosen = chosen->get_subcommands().front();
    if (chosen != line.help) {
      const Command command = line.commands.at(chosen);
      line.options.command = command;
      line.options.listens_by_default = command != Command::kAttach &&
                                        command != Command::kDocker && command != Command::kRun &&
                                        command != Command::kShell;
      return checked(std::move(line.options));
    }
    const CLI::App* told = &app;
    std::string before;
    for (const std::string& word : line.topic) {
      before += (before.empty() ? "" : " ") + told->get_name();
      told = told->get_subcommand(word);
    }
    return EarlyExit{kSuccess, told->help(before)};
  } catch (const CLI::OptionNotFound&) {
    return EarlyExit{kUsage, unknown_command(app, line.topic)};
  } catch (const CLI::ParseError& error) {
    if (std::string wrong =
            unknown_command(app, std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
        !wrong.empty()) {
      return EarlyExit{kUsage, std::move(wrong)};
    }
    if (std::string wrong = unknown_option(app); !wrong.empty()) {
      return EarlyExit{kUsage, std::move(wrong)};
    }
    std::ostringstream text;
    const bool ok = app.exit(error, text, text) == 0;
    return EarlyExit{ok ? kSuccess : kUsage, text.str()};
  }
}

}  // namespace nxgate::cli
