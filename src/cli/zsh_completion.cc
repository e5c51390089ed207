#include <string>
#include <string_view>

#include <fmt/core.h>

#include "cli/command_tree.h"
#include "cli/completion.h"

namespace nxgate::cli {
namespace {

constexpr std::string_view kZshHead = R"(#compdef nxgate
# zsh completion for nxgate, made by `nxgate completion zsh`

)";

constexpr std::string_view kTail = R"(if [[ "$funcstack[1]" == _nxgate ]]; then
    _nxgate "$@"
else
    compdef _nxgate nxgate
fi
)";

/// In single quotes, each of `special` after a backslash.
std::string escaped(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += R"('\'')";
      continue;
    }
    if (c == '\\' || special.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string function_of(const CommandNode& command) {
  std::string name = "_" + command.path;
  for (char& c : name) {
    if (c == ' ') c = '_';
  }
  return name;
}

/// What `_arguments` does for a value: `:FILE:_files`.
std::string action_of(const Parameter& parameter) {
  const std::string message = ":" + escaped(parameter.value, ":") + ":";
  switch (parameter.kind) {
    case ValueKind::kNone:
      return {};
    case ValueKind::kText:
      return message + " ";
    case ValueKind::kWord:
      return fmt::format("{}({})", message, join(parameter.words, " "));
    case ValueKind::kFile:
      return message + "_files";
    case ValueKind::kDirectory:
      return message + "_files -/";
  }
  return {};
}

/// A line for `_arguments` for each name of an option.
std::string option_specs(const Parameter& option) {
  std::string lines;
  const std::string others = option.repeatable ? "*" : fmt::format("({})", join(option.names, " "));
  for (const std::string& name : option.names) {
    const bool valued = option.kind != ValueKind::kNone;
    const std::string_view how = !valued ? "" : name.starts_with("--") ? "=" : "+";
    lines += fmt::format("        '{}{}{}[{}]{}' \\\n", others, name, how,
                         escaped(option.help, "[]"), action_of(option));
  }
  return lines;
}

std::string argument_spec(const Parameter& argument) {
  const std::string_view count = argument.repeatable ? "*" : argument.required ? "" : ":";
  return fmt::format("        '{}{}' \\\n", count, action_of(argument));
}

/// Lists the commands below this one, and goes on with the one that was chosen.
std::string dispatch(const CommandNode& command) {
  std::string names;
  std::string branches;
  for (const CommandNode& each : command.commands) {
    names += fmt::format("            '{}:{}'\n", each.name(), escaped(each.help, ":"));
    branches += fmt::format("        {}) {} && ret=0 ;;\n", each.name(), function_of(each));
  }
  return fmt::format(R"(    case $state in
    command)
        local -a commands=(
{}        )
        _describe -t commands '{} command' commands && ret=0 ;;
    rest)
        case $line[1] in
{}        esac ;;
    esac
)",
                     names, command.path, branches);
}

std::string function(const CommandNode& command) {
  std::string text = fmt::format(R"({}() {{
    local curcontext="$curcontext" state state_descr line ret=1
    typeset -A opt_args
    _arguments -s -S -C \
)",
                                 function_of(command));
  for (const Parameter& option : command.options) text += option_specs(option);
  for (const Parameter& argument : command.arguments) text += argument_spec(argument);
  const bool nested = !command.commands.empty();
  if (nested) text += "        ':command:->command' \\\n        '*::argument:->rest' \\\n";
  text += "        && ret=0\n";
  if (nested) text += dispatch(command);
  return text + "    return ret\n}\n\n";
}

}  // namespace

std::string zsh_completion(const CommandNode& program) {
  std::string script(kZshHead);
  for (const CommandNode* command : flatten(program)) script += function(*command);
  return script.append(kTail);
}

}  // namespace nxgate::cli
