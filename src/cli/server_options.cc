#include "cli/server_options.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "cli/forwarded_port.h"
#include "cli/operate_options.h"
#include "cli/option_checks.h"
#include "cli/options.h"
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

/// One value each time it is given.
template <class Values>
CLI::Option* add_each(CLI::App& command, const std::string& name, const std::string& type,
                      Values& values, const std::string& help) {
  return command.add_option(name, values, help)->type_name(type)->allow_extra_args(false);
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
  add_texts(command, "--preset", "PRESET", options.presets,
            "Also resolve the names of a list that comes with nxgate (see `nxgate presets`)")
      ->check(must_be(config::parse_preset))
      ->delimiter(',')
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
                     "Control socket (default: /run/nxgate/control.sock, or as an ordinary user "
                     "XDG_RUNTIME_DIR/nxgate/control.sock; \"\" for none)");
  // By default CLI11 2.4 sets a counter to 0 for each command that isn't the one given.
  command
      .add_flag("-v", options.verbosity, "Log each query; -vv: also each exchange with an upstream")
      ->force_callback(false);
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

/// Takes one of `words`, `a|b|c`, which help and completions show.
CLI::Option* add_choice(CLI::App& command, const std::string& name, const std::string& words,
                        std::string& into, const std::string& help) {
  return command.add_option(name, into, help)
      ->type_name(words)
      ->check(CLI::IsMember(CLI::detail::split(words, '|')).description(""));
}

}  // namespace

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
  command.add_option("TARGET", options.name, "Container, pid or network namespace");
  command.add_flag("--run", options.doctor_run,
                   "Tell whether `nxgate run` can make a sandbox here, and if not, why");
  add_engine_option(command, options);
}

void add_run(CLI::App& command, Options& options) {
  command.add_option("PROGRAM", options.run.program,
                     "What to run, with its arguments, behind `--`");
  add_shell(command, options);
}

void add_shell(CLI::App& command, Options& options) {
  RunOptions& run = options.run;
  add_config_option(command, options, "Configuration file with the policy");
  command.add_option("--policy", options.policy, "Policy to enforce")
      ->type_name("NAME")
      ->capture_default_str();
  add_policy_options(command, options);
  command.add_flag("--deny-all", run.deny_all, "Allow nothing");
  command
      .add_option("--learn", run.learn, "Allow everything, and write a list of it for --allow-file")
      ->type_name("FILE");
  command.add_option("--report", run.report, "Write what was allowed and denied, as JSON")
      ->type_name("FILE");
  add_each(command, "--expect-denied", "NAME", run.expect_denied,
           "Exit with 3 unless NAME was denied; repeatable")
      ->check(must_be(config::parse_domain));
  command.add_flag("--fail-on-denied", run.fail_on_denied,
                   "Exit with 3 if anything else was denied");
  command.add_flag("--no-firewall", run.no_firewall,
                   "Check names alone: TCP to any address passes if it says no denied one");
  command.add_flag("--ssh-agent", run.ssh_agent, "Let the program use the ssh agent");
  add_each(command, "--keep-socket", "PATH", run.sockets,
           "Unix socket that the program may use, where others are hidden; repeatable");
  command.add_flag("--mounts", run.mounts,
                   "Let the program make mount namespaces, as bwrap does and nxgate in it; it can "
                   "then uncover hidden sockets");
  add_each(command, "--host-port", "HOST[:INSIDE]", run.host_ports,
           "Port of the host's loopback that the program reaches at its own; repeatable")
      ->check(must_be(parse_forwarded_port));
  add_each(command, "--publish", "HOST[:INSIDE]", run.published,
           "Port of the host's loopback at which the program's own is reached; repeatable")
      ->check(must_be(parse_forwarded_port));
  add_each(command, "--keep-fd", "N", run.kept,
           "Descriptor that the program inherits beside the first three; repeatable")
      ->check(CLI::Range(3, 1 << 20).description(""));
  add_text(command, "--user", "USER", options.user, "User to become first, when started as root");
  command.add_flag("-q", run.quiet, "Tell of nothing that is denied");
  command
      .add_flag("-v", options.verbosity,
                "Tell what nxgate does; -vv: also each exchange with an "
                "upstream")
      ->force_callback(false);
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
  command.add_option("NAME", options.name,
                     "Name to explain, or an address that a firewall may have open");
  command.add_option("--type", options.type, "Record type")->default_val("A");
  command
      .add_option("--connect", options.connect,
                  "Explain a connection that says NAME at PORT (default: 443), or no name if it is "
                  "an address")
      ->type_name("NAME[:PORT]");
  command
      .add_option("--address", options.address,
                  "Where that connection goes to, on the running server")
      ->type_name("ADDRESS");
  command.add_option("--client", options.client,
                     "Client address, or an attached container (default: 127.0.0.1)");
  add_config_option(command, options, "Use this configuration instead of the running server");
  add_control_option(command, options, "Control socket of the running server");
  command.add_flag("--json", options.json, "Print JSON");
  add_failure_option(command, options);
  add_policy_options(command, options);
}

void add_presets(CLI::App& command, Options& options) {
  command.add_option("PRESET", options.name, "Show this list")
      ->check(must_be(config::parse_preset));
}

void add_completion(CLI::App& command, Options& options) {
  add_choice(command, "SHELL", "bash|zsh|fish", options.shell, "Shell to print the script for")
      ->required();
}

void add_manual(CLI::App& command, Options& options) {
  add_choice(command, "PAGE", "nxgate|nxgate.toml", options.page,
             "Page to print (default: nxgate)");
}

}  // namespace nxgate::cli
