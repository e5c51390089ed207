#include "cli/options.h"

#include <algorithm>
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

#include "cli/command_tree.h"
#include "cli/help.h"
#include "cli/operate_options.h"
#include "cli/option_checks.h"
#include "config/context.h"
#include "config/value.h"
#include "policy/local_data.h"
#include "policy/rule.h"

namespace nxgate::cli {
namespace {

/// Puts each text of an option into `into`, saying which option it comes from.
CLI::Option* add_texts(CLI::App& command, const std::string& option, const std::string& value,
                       Options::Texts& into, const std::string& help) {
  auto* const added = command.add_option_function<std::vector<std::string>>(
      option,
      [&into, option](const std::vector<std::string>& values) {
        for (const std::string& value : values) into.push_back({value, {option, 0, 0}});
      },
      help);
  return added->allow_extra_args(false)->type_name(value);
}

CLI::Option* add_text(CLI::App& command, const std::string& option, const std::string& type,
                      std::optional<config::Text>& into, const std::string& help) {
  return command
      .add_option_function<std::string>(
          option,
          [&into, option](const std::string& value) { into = config::Text{value, {option, 0, 0}}; },
          help)
      ->type_name(type);
}

void add_policy_options(CLI::App& command, Options& options) {
  const std::string group = "Policy (not with --config)";
  add_texts(command, "--allow", "NAME", options.allow,
            "Resolve NAME and everything below it; =NAME: only NAME; *.NAME: only names below it")
      ->check(must_be_rule(policy::Action::kAllow))
      ->delimiter(',')
      ->group(group);
  add_texts(command, "--deny", "NAME", options.deny, "Deny NAME even if a shorter rule allows it")
      ->check(must_be_rule(policy::Action::kDeny))
      ->delimiter(',')
      ->group(group);
  add_texts(command, "--allow-file", "FILE", options.allow_files,
            "File with one allow rule per line")
      ->group(group);
  add_texts(command, "--hosts", "FILE", options.hosts, "Hosts file to answer from locally")
      ->group(group);
  add_texts(command, "--record", "RECORD", options.records,
            "Record to answer locally, such as 'db.test A 10.0.0.5'")
      ->check(must_be(policy::parse_record))
      ->group(group);
  add_texts(command, "--upstream", "ADDR", options.upstream,
            "Upstream server for allowed names: ADDR[@NETNS] or tcp://ADDR (default: those in "
            "/etc/resolv.conf)")
      ->check(must_be_upstream())
      ->delimiter(',')
      ->group(group);
}

void add_failure_option(CLI::App& command, Options& options) {
  add_text(command, "--on-upstream-failure", "servfail|nxdomain", options.on_upstream_failure,
           "Reply when no upstream answers")
      ->check(must_be(config::parse_failure_reply));
}

constexpr std::string_view kLoopback = "127.0.0.1:53 and [::1]:53";

void add_server_options(CLI::App& command, Options& options, std::string_view listens) {
  add_texts(command, "--listen", "ADDR", options.listen,
            fmt::format("Address to listen on: ADDR:PORT[@NETNS] or INTERFACE:PORT[@NETNS]; "
                        "repeatable (default: {})",
                        listens))
      ->check(must_be(config::parse_listener))
      ->delimiter(',');
  command.add_flag("--freebind", options.freebind, "Listen on addresses that don't exist yet");
  add_text(command, "--user", "USER", options.user,
           "User to switch to after binding, when started as root (default: nxgate, or nobody if "
           "there is no such user)");
  add_text(command, "--workers", "N", options.workers, "Number of worker threads (default: auto)")
      ->check(must_be(config::parse_workers));
  add_control_option(command, options,
                     "Control socket (default: /run/nxgate/control.sock; \"\" for none)");
  command.add_flag("-v", options.verbosity,
                   "Log each query; -vv: also each exchange with an upstream");
}

void add_config_option(CLI::App& command, Options& options, const std::string& help) {
  command.add_option("--config", options.config, help)->type_name("FILE");
}

void add_serving(CLI::App& command, Options& options, std::string_view listens) {
  add_config_option(command, options,
                    "Configuration file; --listen, --user and --workers override it");
  add_server_options(command, options, listens);
  add_failure_option(command, options);
  add_policy_options(command, options);
}

void add_serve(CLI::App& command, Options& options) { add_serving(command, options, kLoopback); }

void add_forward(CLI::App& command, Options& options) {
  add_server_options(command, options, kLoopback);
  add_failure_option(command, options);
  add_texts(command, "--to", "ADDR", options.upstream, "Upstream server: ADDR[@NETNS]; repeatable")
      ->check(must_be_upstream())
      ->delimiter(',')
      ->required();
  add_texts(command, "--hosts", "FILE", options.hosts, "Hosts file to answer from locally");
  add_texts(command, "--only", "NAME", options.allow,
            "Resolve only these names and the names below them")
      ->check(must_be_rule(policy::Action::kAllow))
      ->allow_extra_args()
      ->delimiter(',');
}

/// Namespaces without an engine: Podman, containerd, Kubernetes, `unshare -n`.
void add_namespace_options(CLI::App& command, Options& options) {
  const auto add = [&](const std::string& option, const std::string& value, const char* label,
                       const char* netns, const std::string& help) {
    return command
        .add_option_function<std::vector<std::string>>(
            option,
            [&options, label, netns](const std::vector<std::string>& values) {
              for (const std::string& each : values) {
                options.namespaces.push_back({label + each, netns + each});
              }
            },
            help)
        ->allow_extra_args(false)
        ->type_name(value);
  };
  add("--pid", "N", "pid ", "pid:", "Network namespace of this process; repeatable")
      ->check(must_be_pid());
  add("--netns", "NETNS", "", "", "Network namespace: a path or a name of `ip netns`; repeatable")
      ->check(must_be(config::parse_netns));
}

void add_engine_option(CLI::App& command, Options& options) {
  add_text(command, "--engine", "PATH", options.engine,
           "Unix socket of the Docker engine (default: DOCKER_HOST, else /var/run/docker.sock)");
}

void add_attach_options(CLI::App& command, Options& options) {
  add_engine_option(command, options);
  add_text(command, "--fail", "closed|open", options.fail,
           "What an attached container can resolve after nxgate was killed: closed (nothing) or "
           "open (everything); default: closed")
      ->check(must_be(config::parse_fail));
  add_serving(command, options, "only inside attached namespaces");
}

void add_attach(CLI::App& command, Options& options) {
  command.add_option("CONTAINER", options.containers, "Running containers, by name or id");
  add_namespace_options(command, options);
  command.add_option("--policy", options.policy, "Policy to enforce")
      ->type_name("NAME")
      ->capture_default_str();
  add_attach_options(command, options);
}

void add_detach(CLI::App& command, Options& options) {
  command.add_option("CONTAINER", options.containers, "Running containers, by name or id");
  add_namespace_options(command, options);
  add_engine_option(command, options);
}

void add_install_hook(CLI::App& command, Options& options) {
  command.add_option("--runtime", options.runtime, "OCI runtime that the wrapper calls")
      ->type_name("PROGRAM")
      ->capture_default_str();
  command.add_option("--directory", options.directory, "Directory to install the wrapper in")
      ->type_name("DIR")
      ->capture_default_str();
  command
      .add_option("--socket", options.hook_socket,
                  "Socket of `nxgate docker` that the hook connects to")
      ->type_name("PATH")
      ->capture_default_str();
}

void add_docker(CLI::App& command, Options& options) {
  command.add_flag("--all", options.attach_all,
                   "Also attach containers that no rule matches, with the policy `default`");
  add_texts(command, "--label", "KEY[=VALUE]", options.labels,
            "Attach containers with this label; repeatable")
      ->check(must_be(config::parse_label));
  add_texts(command, "--network", "NAME", options.networks,
            "Attach containers on this network; repeatable");
  command
      .add_option("--hook-socket", options.hook_socket,
                  "Socket for the hook that `install-hook` installs")
      ->type_name("PATH")
      ->capture_default_str();
  add_attach_options(command, options);
}

void add_doctor(CLI::App& command, Options& options) {
  command.add_option("TARGET", options.name, "Container, pid or network namespace")->required();
  add_engine_option(command, options);
}

void add_runtime(CLI::App& command, Options& options) {
  command.add_option("--runtime", options.runtime);
  command.add_option("--socket", options.hook_socket);
  command.add_option("ARGUMENTS", options.runtime_arguments);
  command.group("");
}

void add_hook(CLI::App& command, Options& options) {
  command.add_option("--socket", options.hook_socket);
  command.group("");
}

void add_check(CLI::App& command, Options& options) {
  command.add_option("FILE", options.config, "Configuration file to check")->required();
  command.add_flag("--json", options.json, "Print JSON");
}

void add_explain(CLI::App& command, Options& options) {
  command.add_option("NAME", options.name, "Name to explain")->required();
  command.add_option("--type", options.type, "Record type")->default_val("A");
  command.add_option("--client", options.client,
                     "Client address, or an attached container (default: 127.0.0.1)");
  add_config_option(command, options, "Use this configuration instead of the running server");
  add_control_option(command, options, "Control socket of the running server");
  command.add_flag("--json", options.json, "Print JSON");
  add_failure_option(command, options);
  add_policy_options(command, options);
}

/// Takes one of `words`, `a|b|c`, which help and completions show.
CLI::Option* add_choice(CLI::App& command, const std::string& name, const std::string& words,
                        std::string& into, const std::string& help) {
  return command.add_option(name, into, help)
      ->type_name(words)
      ->check(CLI::IsMember(CLI::detail::split(words, '|')).description(""));
}

void add_completion(CLI::App& command, Options& options) {
  add_choice(command, "SHELL", "bash|zsh|fish", options.shell, "Shell to print the script for")
      ->required();
}

void add_manual(CLI::App& command, Options& options) {
  add_choice(command, "PAGE", "nxgate|nxgate.toml", options.page,
             "Page to print (default: nxgate)");
}

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
    {Command::kCheck, "check", "Report every error in a configuration as file:line:column",
     add_check},
    {Command::kExplain, "explain", "Explain how a query would be answered, and by which rule",
     add_explain},
    {Command::kStatus, "status", "Show the state of the running server", add_status},
    {Command::kWatch, "watch", "Show queries as they are answered", add_watch},
    {Command::kTop, "top", "Show the most denied names and clients on a full screen", add_top},
    {Command::kAllow, "allow", "Allow a name on the running server", add_allow},
    {Command::kDeny, "deny", "Deny a name on the running server", add_deny},
    {Command::kRules, "rules", "List the rules added to the running server", add_rules},
    {Command::kReload, "reload", "Reload the configuration", add_reload},
    {Command::kFlush, "flush", "Flush cached answers and failures", add_flush},
    {Command::kAttachments, "attachments", "List the attached containers", add_attachments},
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

/// Checks that involve several options.
std::optional<std::string> contradiction(const Options& options) {
  const bool wants_target =
      options.command == Command::kAttach || options.command == Command::kDetach;
  if (wants_target && options.containers.empty() && options.namespaces.empty()) {
    return "expected a CONTAINER, --pid N or --netns NETNS";
  }
  if (!options.config) return std::nullopt;
  Options::Texts given;
  for (const auto* texts : {&options.allow, &options.deny, &options.allow_files, &options.hosts,
                            &options.records, &options.upstream}) {
    given.insert(given.end(), texts->begin(), texts->end());
  }
  if (options.on_upstream_failure) given.push_back(*options.on_upstream_failure);
  if (given.empty()) return std::nullopt;
  return fmt::format("{} and --config cannot be combined; set it in {}", given.front().at.file,
                     *options.config);
}

/// Everything except `help`: forwarding is serving with everything allowed.
std::variant<Options, EarlyExit> checked(Options options) {
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
      line.options.listens_by_default = command != Command::kAttach && command != Command::kDocker;
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
    std::ostringstream text;
    const bool ok = app.exit(error, text, text) == 0;
    return EarlyExit{ok ? kSuccess : kUsage, text.str()};
  }
}

}  // namespace nxgate::cli
