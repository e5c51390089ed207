#include "cli/operate_options.h"

#include <string>

#include <CLI/CLI.hpp>

#include "cli/option_checks.h"
#include "cli/options.h"
#include "config/context.h"

namespace nxgate::cli {
namespace {

void add_server(CLI::App& command, Options& options) {
  add_control_option(
      command, options,
      "Control socket of the server (default: NXGATE_CONTROL, else that of your own server below "
      "XDG_RUNTIME_DIR, else /run/nxgate/control.sock)");
}

void add_asking(CLI::App& command, Options& options) {
  add_server(command, options);
  command.add_flag("--json", options.json, "Print JSON");
}

void add_policy(CLI::App& command, Options& options) {
  command.add_option("--policy", options.policy, "Policy to change")
      ->type_name("NAME")
      ->capture_default_str();
}

void add_rule_options(CLI::App& command, Options& options) {
  command
      .add_option("NAME", options.name,
                  "NAME and everything below it; =NAME: only NAME; *.NAME: only names below it")
      ->required();
  add_policy(command, options);
  command.add_option("--for", options.duration, "Remove the rule after this time, such as 10m")
      ->type_name("TIME")
      ->check(must_be_time());
  command.add_flag("--save", options.save, "Keep the rule after a restart");
  command.add_option("--why", options.why, "Reason, shown by `nxgate rules`")->type_name("TEXT");
  command.add_flag("--remove", options.remove, "Remove the rule that was added for this NAME");
  add_asking(command, options);
}

}  // namespace

void add_control_option(CLI::App& command, Options& options, const char* help) {
  command
      .add_option_function<std::string>(
          "--control",
          [&options](const std::string& path) {
            options.control = config::Text{path, {"--control", 0, 0}};
          },
          help)
      ->type_name("PATH");
}

void add_status(CLI::App& command, Options& options) { add_asking(command, options); }

void add_watch(CLI::App& command, Options& options) {
  command.add_flag("--denied", options.denied, "Only denied queries and connections");
  command
      .add_option("--client", options.client,
                  "Only those of this container, address or address range")
      ->type_name("WHO");
  command.add_option("--policy", options.watched_policy, "Only those under this policy")
      ->type_name("NAME");
  command.add_option("--name", options.name, "Only this name and the names below it");
  command.add_option("--count", options.count, "Stop after N lines")->type_name("N");
  add_asking(command, options);
}

void add_top(CLI::App& command, Options& options) { add_server(command, options); }
void add_allow(CLI::App& command, Options& options) { add_rule_options(command, options); }
void add_deny(CLI::App& command, Options& options) { add_rule_options(command, options); }
void add_rules(CLI::App& command, Options& options) { add_asking(command, options); }
void add_reload(CLI::App& command, Options& options) { add_asking(command, options); }

void add_flush(CLI::App& command, Options& options) {
  command.add_option("NAME", options.name, "Only this name and the names below it");
  add_asking(command, options);
}

void add_attachments(CLI::App& command, Options& options) { add_asking(command, options); }
void add_connections(CLI::App& command, Options& options) { add_asking(command, options); }
void add_health(CLI::App& command, Options& options) {
  command.add_flag("--strict", options.strict,
                   "Also fail while there is a persistent fault, such as a rejected reload");
  add_asking(command, options);
}

void add_metrics(CLI::App& command, Options& options) { add_asking(command, options); }

void add_learn(CLI::App& command, Options& options) { add_asking(command, options); }

void add_learn_start(CLI::App& command, Options& options) {
  add_policy(command, options);
  command.add_flag("--deny", options.denied, "Keep enforcing the policy while learning");
  add_asking(command, options);
}

void add_learn_stop(CLI::App& command, Options& options) {
  add_policy(command, options);
  add_asking(command, options);
}

void add_learn_propose(CLI::App& command, Options& options) {
  add_policy(command, options);
  command.add_flag("--diff", options.diff, "Show the changes to the policy's rules");
  add_asking(command, options);
}

}  // namespace nxgate::cli
