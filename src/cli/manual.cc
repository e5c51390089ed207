#include "cli/manual.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "cli/command_tree.h"
#include "cli/completion.h"
#include "cli/options.h"
#include "cli/roff.h"
#include "config/settings.h"

namespace nxgate::cli {
namespace {

constexpr std::string_view kDescription[] = {
    "`nxgate` resolves the names on an allow list and denies everything else at once, with "
    "NXDOMAIN or the reply that the policy sets.",
    "It can listen in one network namespace and send queries from another, attach to running "
    "containers, each with its own list, and block a container's traffic to every address that no "
    "allowed name resolved to.",
    "It needs no configuration file: without `--config` the options define the policy `default`. "
    "Started as root, it gives up root after binding.",
};

constexpr std::string_view kExamples[][2] = {
    {"Deny everything except two names and the names below them:",
     "nxgate serve --allow example.com,debian.org --upstream 1.1.1.1\n"},
    {"Answer all DNS queries of the running container `web`, until Ctrl-C:",
     "nxgate attach web --allow example.com --upstream 1.1.1.1\n"},
    {"Attach containers as they start, by the rules in a file:",
     "nxgate check nxgate.toml && nxgate docker --config nxgate.toml\n"},
    {"Explain how a name would be answered, and by which rule:",
     "nxgate explain www.example.com --type AAAA --config nxgate.toml\n"},
    {"Enable completion in the current shell:", "source <(nxgate completion bash)\n"},
};

/// `nxgate explain [OPTION...] NAME`
std::string usage_of(const CommandNode& command) {
  std::string usage = command.path;
  if (!command.options.empty()) usage += " [OPTION...]";
  for (const Parameter& argument : command.arguments) {
    const std::string name = argument.value + (argument.repeatable ? "..." : "");
    usage += argument.required ? " " + name : fmt::format(" [{}]", name);
  }
  return usage;
}

/// What there is to say of an option or an argument, as sentences.
std::string help_of(const Parameter& parameter) {
  std::string text = parameter.help;
  if (!text.empty() && !text.ends_with('.')) text += '.';
  if (parameter.names.empty() && parameter.kind == ValueKind::kWord) {
    text += fmt::format(" One of: {}.", join(parameter.words, ", "));
  }
  if (parameter.required) text += " Required.";
  if (!parameter.fallback.empty()) text += fmt::format(" Default: `{}`.", parameter.fallback);
  return roff::paragraph(text);
}

std::string entry_of(const Parameter& parameter) {
  std::vector<std::string> tags;
  std::ranges::transform(parameter.names, std::back_inserter(tags), roff::bold);
  std::string tag = join(tags, ", ");
  if (!parameter.value.empty()) tag += (tag.empty() ? "" : " ") + roff::italic(parameter.value);
  return roff::item(tag) + help_of(parameter);
}

bool has_option(const CommandNode& command, const Parameter& wanted) {
  return std::ranges::any_of(command.options, [&](const Parameter& option) {
    return option.names == wanted.names && option.help == wanted.help;
  });
}

/// Options of the program itself (--help) aren't repeated.
std::string command_section(const CommandNode& command, const CommandNode& program) {
  std::string text = roff::subsection(usage_of(command)) + roff::paragraph(command.help + ".");
  for (const Parameter& argument : command.arguments) text += entry_of(argument);
  std::string group = command.options.empty() ? std::string() : command.options.front().group;
  for (const Parameter& option : command.options) {
    if (option.group != group) {
      group = option.group;
      text += ".PP\n" + roff::paragraph(option.group + ":");
    }
    if (!has_option(program, option)) text += entry_of(option);
  }
  return text;
}

std::string files() {
  const Options defaults;
  const std::string rows[][2] = {
      {"/etc/resolv.conf", "Its servers are used for allowed names unless others are given."},
      {config::ControlSettings::kUsualSocket,
       "Control socket of a running server, or nxgate/control.sock below XDG_RUNTIME_DIR of an "
       "ordinary "
       "user; NXGATE_CONTROL names another."},
      {"/var/run/docker.sock", "The Docker engine's socket."},
      {defaults.hook_socket,
       "Socket of `nxgate docker` for the hook of `nxgate docker install-hook`."},
      {defaults.directory,
       "Directory where `nxgate docker install-hook` installs its runtime wrapper."},
  };
  std::string text = roff::section("FILES");
  for (const auto& [path, meaning] : rows) {
    text += roff::item(roff::bold(path)) + roff::paragraph(meaning);
  }
  return text;
}

std::string exit_statuses() {
  std::string text = roff::section("EXIT STATUS");
  for (const ExitStatus& each : kExitStatuses) {
    text += roff::item(roff::bold(std::to_string(each.status)));
    text += roff::paragraph(std::string(each.meaning) + ".");
  }
  return text;
}

std::string examples() {
  std::string text = roff::section("EXAMPLES");
  for (const auto& [what, lines] : kExamples) {
    text += ".PP\n" + roff::paragraph(what) + roff::example(lines);
  }
  return text;
}

}  // namespace

std::string command_page(const CommandNode& program) {
  std::string page =
      ".TH NXGATE 1 \"\" \"nxgate " NXGATE_VERSION "\" \"User Commands\"\n.nh\n.ad l\n";
  page += roff::section("NAME") + "nxgate \\- a default-deny DNS server\n";
  page += roff::section("SYNOPSIS");
  page += ".B nxgate\n.I COMMAND\n[\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]\n.br\n";
  page += ".B nxgate help\n.I COMMAND\n";
  page += roff::section("DESCRIPTION");
  for (const std::string_view text : kDescription) page += ".PP\n" + roff::paragraph(text);
  for (const Parameter& option : program.options) page += entry_of(option);
  page += roff::section("COMMANDS");
  for (const CommandNode* command : flatten(program)) {
    if (command != &program) page += command_section(*command, program);
  }
  page += exit_statuses() + files() + examples() + roff::section("SEE ALSO");
  return page + ".BR nxgate.toml (5),\n.BR resolv.conf (5),\n.BR ip\\-netns (8)\n";
}

}  // namespace nxgate::cli
