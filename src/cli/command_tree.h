// The commands and their options as plain values, read off the CLI11 tree: what the completions and
// the manual page are made from.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace nxgate::cli {

/// What an option or an argument takes.
enum class ValueKind : std::uint8_t {
  kNone,  ///< nothing: it is a flag
  kText,
  kWord,  ///< one of `Parameter::words`
  kFile,
  kDirectory,
};

/// An option, or an argument if it has no `names`.
struct Parameter {
  std::vector<std::string> names;  ///< `-h`, `--help`
  std::string value;               ///< what help calls its value: `FILE`; `closed|open`
  ValueKind kind = ValueKind::kNone;
  std::vector<std::string> words;
  std::string group;
  std::string help;
  std::string fallback;  ///< its default, if help tells one
  bool repeatable = false;
  bool required = false;
};

/// The program itself or one of its commands, without what is hidden.
struct CommandNode {
  std::string path;  ///< `nxgate docker install-hook`
  std::string help;
  std::vector<Parameter> options;
  std::vector<Parameter> arguments;
  std::vector<CommandNode> commands;

  /// The last word of the path.
  [[nodiscard]] std::string_view name() const;
};

/// Reads a tree. The kind of a value follows from what it is called: FILE, PATH and DIR (also as
/// the end of a longer word) are files and directories, SUBCOMMAND is a command, PRESET a list that
/// comes with the program, and words in lower case between bars (`closed|open`) are themselves.
[[nodiscard]] CommandNode read_commands(const CLI::App& program);

/// This node and all below it, each before its children.
[[nodiscard]] std::vector<const CommandNode*> flatten(const CommandNode& root);

/// What is wrong with the words in front where a subcommand must stand, and which one is near;
/// empty if nothing is wrong.
[[nodiscard]] std::string unknown_command(const CLI::App& program,
                                          std::span<const std::string> words);

/// Which option of a command line that was parsed in vain doesn't exist, and which one is near;
/// empty if they all do.
[[nodiscard]] std::string unknown_option(const CLI::App& program);

}  // namespace nxgate::cli
