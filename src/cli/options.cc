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
            "Resolve this name and all below it; =NAME: it alone; *.NAME: those below")
      ->check(must_be_rule(policy::Action::kAllow))
      ->delimiter(',')
      ->group(group);
  add_texts(command, "--deny", "NAME", options.deny,
            "Deny this name although a shorter rule allows it")
      ->check(must_be_rule(policy::Action::kDeny))
      ->delimiter(',')
      ->group(group);
  add_texts(command, "--allow-file", "FILE", options.allow_files,
            "A file with one allow rule a line")
      ->group(group);
  add_texts(command, "--hosts", "FILE", options.hosts, "A hosts file, answered locally")
      ->group(group);
  add_texts(command, "--record", "RECORD", options.records,
            "A record, answered locally: 'db.test A 10.0.0.5'")
      ->check(must_be(policy::parse_record))
      ->group(group);
  add_texts(command, "--upstream", "ADDR", options.upstream,
            "A server for allowed names: ADDR[@NETNS], tcp://ADDR (default: /etc/resolv.conf's)")
      ->check(must_be_upstream())
      ->delimiter(',')
      ->group(group);
}

void add_failure_option(CLI::App& command, Options& options) {
  add_text(command, "--on-upstream-failure", "servfail|nxdomain", options.on_upstream_failure,
           "What clients get when no upstream answers")
      ->check(must_be(config::parse_failure_reply));
}

constexpr std::string_view kLoopback = "127.0.0.1:53 and [::1]:53";

void add_server_options(CLI::App& command, Options& options, std::string_view listens) {
  add_texts(command, "--listen", "ADDR", options.listen,
            fmt::format("Where to answer: ADDR:PORT[@NETNS] or INTERFACE:PORT[@NETNS]; repeatable "
                        "(default: {})",
                        listens))
      ->check(must_be(config::parse_listener))
      ->delimiter(',');
  command.add_flag("--freebind", options.freebind,
                   "Listen at these addresses although they aren't there yet");
  add_text(command, "--user", "USER", options.user,
           "Who to become after binding, when started as root (default: nxgate, or nobody if there "
           "is no such user)");
  add_text(command, "--workers", "N", options.workers, "Threads that answer (default: auto)")
      ->check(must_be(config::parse_workers));
  add_control_option(command, options,
                     "The control socket (default: /run/nxgate/control.sock; \"\" for none)");
  command.add_flag("-v", options.verbosity,
                   "Log each query; -vv: each exchange with an upstream as well");
}

void add_config_option(CLI::App& command, Options& options, const std::string& help) {
  command.add_option("--config", options.config, help)->type_name("FILE");
}

void add_serving(CLI::App& command, Options& options, std::string_view listens) {
  add_config_option(command, options,
                    "Read this configuration; --listen, --user and --workers go before it");
  add_server_options(command, options, listens);
  add_failure_option(command, options);
  add_policy_options(command, options);
}

void add_serve(CLI::App& command, Options& options) { add_serving(command, options, kLoopback); }

void add_forward(CLI::App& command, Options& options) {
  add_server_options(command, options, kLoopback);
  add_failure_option(command, options);
  add_texts(command, "--to", "ADDR", options.upstream,
            "The server to ask: ADDR[@NETNS]; repeatable")
      ->check(must_be_upstream())
      ->delimiter(',')
      ->required();
  add_texts(command, "--hosts", "FILE", options.hosts, "A hosts file, answered locally");
  add_texts(command, "--only", "NAME", options.allow,
            "Resolve these names alone, and what is below them")
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
  add("--pid", "N", "pid ", "pid:", "The network namespace of this process; repeatable")
      ->check(must_be_pid());
  add("--netns", "NETNS", "", "", "This namespace: a path or a name of `ip netns`; repeatable")
      ->check(must_be(config::parse_netns));
}

void add_engine_option(CLI::App& command, Options& options) {
  add_text(command, "--engine", "PATH", options.engine,
           "The engine's unix socket (default: DOCKER_HOST, else /var/run/docker.sock)");
}

void add_attach_options(CLI::App& command, Options& options) {
  add_engine_option(command, options);
  add_text(command, "--fail", "closed|open", options.fail,
           "What an attached container can resolve when nxgate was killed: closed (nothing) or "
           "open (default: closed)")
      ->check(must_be(config::parse_fail));
  add_serving(command, options, "only inside of what is attached");
}

void add_attach(CLI::App& command, Options& options) {
  command.add_option("CONTAINER", options.containers, "Running containers, by name or id");
  add_namespace_options(command, options);
  command.add_option("--policy", options.policy, "The policy to enforce")
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
  command.add_option("--runtime", options.runtime, "The runtime that the wrapper calls")
      ->type_name("PROGRAM")
      ->capture_default_str();
  command.add_option("--directory", options.directory, "Where the wrapper is put")
      ->type_name("DIR")
      ->capture_default_str();
  command.add_option("--socket", options.hook_socket, "Where `nxgate docker` is asked")
      ->type_name("PATH")
      ->capture_default_str();
}

void add_docker(CLI::App& command, Options& options) {
  command.add_flag("--all", options.attach_all,
                   "Attach containers that nothing matches as well, with the policy `default`");
  add_texts(command, "--label", "KEY[=VALUE]", options.labels,
            "Attach containers with this label; repeatable")
      ->check(must_be(config::parse_label));
  add_texts(command, "--network", "NAME", options.networks,
            "Attach containers on this network; repeatable");
  command.add_option("--hook-socket", options.hook_socket, "Where the hook of `install-hook` asks")
      ->type_name("PATH")
      ->capture_default_str();
  add_attach_options(command, options);
}

void add_doctor(CLI::App& command, Options& options) {
  command.add_option("TARGET", options.name, "A container, a pid, or a network namespace")
      ->required();
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
  command.add_option("FILE", options.config, "The configuration to check")->required();
  command.add_flag("--json", options.json, "Print JSON");
}

void add_explain(CLI::App& command, Options& options) {
  command.add_option("NAME", options.name, "The name in question")->required();
  command.add_option("--type", options.type, "The record type")->default_val("A");
  command.add_option("--client", options.client,
                     "The address that asks, or an attached container (default: 127.0.0.1)");
  add_config_option(command, options, "Ask this configuration and not the running server");
  add_control_option(command, options, "The running server's control socket");
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
  add_choice(command, "SHELL", "bash|zsh|fish", options.shell, "Whose completions")->required();
}

void add_manual(CLI::App& command, Options& options) {
  add_choice(command, "PAGE", "nxgate|nxgate.toml", options.page, "Which page (default: nxgate)");
}

struct CommandRow {
  Command command;
  std::string_view name;  ///< the last word; those before name a command that stands further up
  const char* help;
  void (*add)(CLI::App& command, Options& options);
};

constexpr CommandRow kCommands[] = {
    {Command::kServe, "serve",
     "Answer DNS: resolve what is allowed, deny everything else (all, if nothing is)", add_serve},
    {Command::kForward, "forward", "Serve one network's DNS in another: resolve everything by --to",
     add_forward},
    {Command::kAttach, "attach",
     "Answer all DNS of a running container or another network namespace, until stopped",
     add_attach},
    {Command::kDetach, "detach", "Remove what a killed nxgate left in a container or namespace",
     add_detach},
    {Command::kDocker, "docker", "Watch a Docker engine and attach to containers as they start",
     add_docker},
    {Command::kInstallHook, "docker install-hook",
     "Set up a runtime under which no container starts before it is attached", add_install_hook},
    {Command::kDoctor, "doctor", "Tell why lookups are slow in a container; changes nothing",
     add_doctor},
    {Command::kCheck, "check", "Report every fault of a configuration as file:line:column",
     add_check},
    {Command::kExplain, "explain", "Tell what a question would get, and by which rule",
     add_explain},
    {Command::kStatus, "status", "Tell how the running server is doing", add_status},
    {Command::kWatch, "watch", "Show queries as they are answered", add_watch},
    {Command::kTop, "top", "Show on a full screen what is denied most, and to whom", add_top},
    {Command::kAllow, "allow", "Allow a name on the running server", add_allow},
    {Command::kDeny, "deny", "Deny a name on the running server", add_deny},
    {Command::kRules, "rules", "List what was allowed and denied while running", add_rules},
    {Command::kReload, "reload", "Take up the changed configuration", add_reload},
    {Command::kFlush, "flush", "Forget cached answers and failures", add_flush},
    {Command::kAttachments, "attachments", "List the attached containers", add_attachments},
    {Command::kHealth, "health", "Succeed if the server runs and what should be attached is",
     add_health},
    {Command::kMetrics, "metrics", "Print the metrics, as Prometheus reads them", add_metrics},
    {Command::kLearn, "learn", "Tell which policies are being learnt", add_learn},
    {Command::kLearnStart, "learn start", "Record what is asked for, and resolve everything",
     add_learn_start},
    {Command::kLearnStop, "learn stop", "Stop recording, and enforce again", add_learn_stop},
    {Command::kLearnForget, "learn forget", "Forget what was recorded", add_learn_stop},
    {Command::kLearnPropose, "learn propose", "Propose a list from what was recorded",
     add_learn_propose},
    {Command::kRuntime, "oci-runtime", "", add_runtime},
    {Command::kHook, "oci-hook", "", add_hook},
    {Command::kCompletion, "completion", "Print what completes these commands in a shell",
     add_completion},
    {Command::kManual, "man", "Print a manual page, as roff: nxgate(1) or nxgate.toml(5)",
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

/// What can't be said in terms of single options.
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
  return fmt::format("{} doesn't go with --config: write it into {}", given.front().at.file,
                     *options.config);
}

/// Everything but `help`: forwarding is serving with everything allowed.
std::variant<Options, EarlyExit> checked(Options options) {
  if (const auto wrong = contradiction(options)) return EarlyExit{kUsage, *wrong + "\n"};
  if (options.command == Command::kForward && options.allow.empty()) {
    options.allow.push_back({". force", {"--to", 0, 0}});
  }
  return options;
}

/// The tree of commands, and where it puts what it parses.
struct CommandLine {
  CLI::App app{"nxgate, a DNS server that denies what isn't allowed", "nxgate"};
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
    help = app.add_subcommand("help", "Tell about a subcommand");
    help->add_option("SUBCOMMAND", topic, "Which one");
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
