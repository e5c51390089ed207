#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "cli/command_tree.h"
#include "cli/completion.h"

namespace nxgate::cli {
namespace {

constexpr std::string_view kBashHead =
    R"(# bash completion for nxgate, made by `nxgate completion bash`

# What there is at a command: its commands, its options, those that take a value.
_nxgate_command() {
    case "$1" in
)";

constexpr std::string_view kValues = R"(    esac
}

# What a value can be, after an option (`nxgate serve --config`) or as the nth argument
# (`nxgate check 1`): files, directories or words.
_nxgate_value() {
    files='' words=''
    case "$1" in
)";

// bash splits `--config=FILE` at the `=`, which then is a word of its own.
constexpr std::string_view kFunction = R"(    esac
}

_nxgate() {
    local commands options valued files words
    local path='nxgate' argument=1 option='' current="${COMP_WORDS[COMP_CWORD]}" word i next
    COMPREPLY=()
    _nxgate_command "$path"
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        if [[ " $valued " == *" $word "* ]]; then
            next=$((i + 1))
            [[ $next -lt $COMP_CWORD && ${COMP_WORDS[next]} == '=' ]] && next=$((next + 1))
            if [[ $next -ge $COMP_CWORD ]]; then
                option="$word"
                break
            fi
            i=$next
        elif [[ " $commands " == *" $word "* ]]; then
            path+=" $word"
            argument=1
            _nxgate_command "$path"
        elif [[ $word != -* ]]; then
            argument=$((argument + 1))
        fi
    done
    [[ $current == '=' ]] && current=''
    _nxgate_value "$path ${option:-$argument}"
    if [[ -z $option ]]; then
        words+=" $commands"
        [[ $current == -* || -z ${words// /}$files ]] && words="$options"
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    if [[ -n $files ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen "$files" -- "$current")
    fi
}

complete -F _nxgate nxgate
)";

std::string names_of(const CommandNode& command) {
  std::vector<std::string_view> names;
  std::ranges::transform(command.commands, std::back_inserter(names), &CommandNode::name);
  return join(names, " ");
}

std::string options_of(const CommandNode& command, bool valued) {
  std::vector<std::string> names;
  for (const Parameter& option : command.options) {
    if (valued && option.kind == ValueKind::kNone) continue;
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return join(names, " ");
}

/// A branch of `_nxgate_value`, if there is something to offer.
std::string value_branch(const std::string& patterns, const Parameter& parameter) {
  switch (parameter.kind) {
    case ValueKind::kNone:
    case ValueKind::kText:
      return {};
    case ValueKind::kWord:
      return fmt::format("    {}) words='{}' ;;\n", patterns, join(parameter.words, " "));
    case ValueKind::kFile:
      return fmt::format("    {}) files='-f' ;;\n", patterns);
    case ValueKind::kDirectory:
      return fmt::format("    {}) files='-d' ;;\n", patterns);
  }
  return {};
}

std::string values_of(const CommandNode& command) {
  std::string branches;
  for (const Parameter& option : command.options) {
    std::vector<std::string> patterns;
    std::ranges::transform(option.names, std::back_inserter(patterns), [&](const auto& name) {
      return fmt::format("'{} {}'", command.path, name);
    });
    branches += value_branch(join(patterns, " | "), option);
  }
  int number = 0;
  for (const Parameter& argument : command.arguments) {
    const std::string which = argument.repeatable ? "[0-9]*" : std::to_string(++number);
    branches += value_branch(fmt::format("'{} '{}", command.path, which), argument);
  }
  return branches;
}

}  // namespace

std::string bash_completion(const CommandNode& program) {
  std::string script(kBashHead);
  const auto commands = flatten(program);
  for (const CommandNode* command : commands) {
    script += fmt::format(
        "    '{}')\n        commands='{}'\n        options='{}'\n        valued='{}' ;;\n",
        command->path, names_of(*command), options_of(*command, false), options_of(*command, true));
  }
  script += kValues;
  for (const CommandNode* command : commands) script += values_of(*command);
  return script.append(kFunction);
}

}  // namespace nxgate::cli
