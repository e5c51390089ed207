#include <string>
#include <string_view>

#include <fmt/core.h>

#include "cli/command_tree.h"
#include "cli/completion.h"

namespace nxgate::cli {
namespace {

constexpr std::string_view kFishHead =
    R"(# fish completion for nxgate, made by `nxgate completion fish`

)";

// `commandline -opc` is the words in front of the one that is being written.
constexpr std::string_view kFunctions = R"(
# Whether the line is at this command: options and their values are passed over.
function __nxgate_at
    set -l path nxgate
    set -l words (commandline -opc)
    set -l valued 0
    for word in $words[2..-1]
        if test $valued = 1
            set valued 0
        else if contains -- "$path $word" $__nxgate_valued
            set valued 1
        else if contains -- "$path $word" $__nxgate_commands
            set path "$path $word"
        end
    end
    test "$path" = "$argv"
end

complete -c nxgate -f
)";

std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

/// What `complete` says of a value; of an option also that there is one.
std::string value_of(const Parameter& parameter) {
  switch (parameter.kind) {
    case ValueKind::kNone:
      return {};
    case ValueKind::kText:
      return " -x";
    case ValueKind::kWord:
      return " -x -a " + in_quotes(join(parameter.words, " "));
    case ValueKind::kFile:
      return " -r -F";
    case ValueKind::kDirectory:
      return " -x -a '(__fish_complete_directories)'";
  }
  return {};
}

std::string option_line(const std::string& at, const Parameter& option) {
  std::string line = at;
  for (const std::string& name : option.names) {
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  }
  return fmt::format("{}{} -d {}\n", line, value_of(option), in_quotes(option.help));
}

std::string lines_of(const CommandNode& command) {
  const std::string at = fmt::format("complete -c nxgate -n '__nxgate_at {}'", command.path);
  std::string lines;
  for (const CommandNode& each : command.commands) {
    lines += fmt::format("{} -a {} -d {}\n", at, each.name(), in_quotes(each.help));
  }
  for (const Parameter& argument : command.arguments) {
    if (argument.kind == ValueKind::kText) continue;
    lines += at + value_of(argument) + "\n";
  }
  for (const Parameter& option : command.options) lines += option_line(at, option);
  return lines;
}

/// The paths of commands, and the options that take a value, each after the path of its command.
std::string lists(const CommandNode& program) {
  std::string commands = "set -g __nxgate_commands";
  std::string valued = "set -g __nxgate_valued";
  for (const CommandNode* command : flatten(program)) {
    if (command != &program) commands += " \\\n    " + in_quotes(command->path);
    for (const Parameter& option : command->options) {
      if (option.kind == ValueKind::kNone) continue;
      for (const std::string& name : option.names) {
        valued += " \\\n    " + in_quotes(command->path + " " + name);
      }
    }
  }
  return commands + "\n" + valued + "\n";
}

}  // namespace

std::string fish_completion(const CommandNode& program) {
  std::string script(kFishHead);
  script += lists(program);
  script += kFunctions;
  for (const CommandNode* command : flatten(program)) script += lines_of(*command);
  return script;
}

}  // namespace nxgate::cli
