#include "cli/command_tree.h"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "base/escape.h"
#include "config/context.h"
#include "policy/presets.h"

namespace nxgate::cli {
namespace {

std::vector<const CLI::App*> visible_commands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); });
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (auto at = text.find(separator); at != std::string_view::npos; at = text.find(separator)) {
    parts.emplace_back(text.substr(0, at));
    text.remove_prefix(at + 1);
  }
  parts.emplace_back(text);
  return parts;
}

bool is_choice(std::string_view value) {
  return value.find('|') != std::string_view::npos &&
         std::ranges::none_of(value, [](char c) { return c >= 'A' && c <= 'Z'; });
}

void set_kind(Parameter& parameter, const std::string& type, const CLI::App& program) {
  const std::string_view value = parameter.value;
  if (is_choice(type)) {
    parameter.kind = ValueKind::kWord;
    parameter.words = split(type, '|');
  } else if (value == "SUBCOMMAND") {
    parameter.kind = ValueKind::kWord;
    for (const CLI::App* command : visible_commands(program)) {
      parameter.words.push_back(command->get_name());
    }
  } else if (value == "PRESET") {
    parameter.kind = ValueKind::kWord;
    for (const policy::Preset& preset : policy::presets()) {
      parameter.words.emplace_back(preset.name);
    }
  } else if (value.ends_with("FILE") || value.ends_with("PATH")) {
    parameter.kind = ValueKind::kFile;
  } else if (value.ends_with("DIR")) {
    parameter.kind = ValueKind::kDirectory;
  } else {
    parameter.kind = ValueKind::kText;
  }
}

Parameter read_parameter(const CLI::Option& option, const CLI::App& program) {
  Parameter parameter;
  for (const std::string& name : option.get_snames()) parameter.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) parameter.names.push_back("--" + name);
  parameter.group = option.get_group();
  parameter.help = option.get_description();
  parameter.fallback = option.get_default_str();
  parameter.required = option.get_required();
  parameter.repeatable = option.get_items_expected_max() > 1 ||
                         option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
  if (option.get_items_expected_max() == 0) return parameter;
  const std::string type = option.get_type_name();
  parameter.value = parameter.names.empty() ? option.get_name(true) : type;
  set_kind(parameter, type, program);
  return parameter;
}

CommandNode read_node(const CLI::App& app, const CLI::App& program, const std::string& path) {
  CommandNode node;
  node.path = path;
  node.help = app.get_description();
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    Parameter parameter = read_parameter(*option, program);
    auto& list = parameter.names.empty() ? node.arguments : node.options;
    list.push_back(std::move(parameter));
  }
  for (const CLI::App* command : visible_commands(app)) {
    node.commands.push_back(read_node(*command, program, path + " " + command->get_name()));
  }
  return node;
}

void append(const CommandNode& node, std::vector<const CommandNode*>& all) {
  all.push_back(&node);
  for (const CommandNode& command : node.commands) append(command, all);
}

}  // namespace

std::string_view CommandNode::name() const {
  return std::string_view(path).substr(path.rfind(' ') + 1);
}

CommandNode read_commands(const CLI::App& program) {
  return read_node(program, program, program.get_name());
}

std::string unknown_command(const CLI::App& program, std::span<const std::string> words) {
  const CLI::App* app = &program;
  std::string path;
  for (const std::string& word : words) {
    const auto commands = app->get_subcommands([](const CLI::App*) { return true; });
    if (commands.empty() || word.starts_with('-')) return {};
    path += (path.empty() ? "" : " ") + word;
    const auto found = std::ranges::find(commands, word, &CLI::App::get_name);
    if (found == commands.end()) {
      std::vector<std::string_view> known;
      for (const CLI::App* each : visible_commands(*app)) known.push_back(each->get_name());
      return fmt::format("no such subcommand: {}{}\n", escaped(path),
                         config::suggestion(word, known));
    }
    app = *found;
  }
  return {};
}

std::string unknown_option(const CLI::App& program) {
  const CLI::App* app = &program;
  std::string path = program.get_name();
  while (!app->get_subcommands().empty()) {
    app = app->get_subcommands().front();
    path += " " + app->get_name();
  }
  for (const std::string& word : program.remaining(true)) {
    if (word.size() < 2 || !word.starts_with('-') || word == "--") continue;
    const std::string name = word.substr(0, word.find('='));
    std::vector<std::string> names;
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& each : option->get_lnames()) names.push_back("--" + each);
    }
    // Of one letter each is near to each other.
    const std::vector<std::string_view> known(names.begin(), names.end());
    return fmt::format("no such option: {}{}; see `{} --help`\n", escaped(name),
                       name.starts_with("--") ? config::suggestion(name, known) : "", path);
  }
  return {};
}

std::vector<const CommandNode*> flatten(const CommandNode& root) {
  std::vector<const CommandNode*> all;
  append(root, all);
  return all;
}

}  // namespace nxgate::cli
