#include "cli/help.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "cli/options.h"

namespace nxgate::cli {
namespace {

constexpr std::size_t kTextColumn = 30;

/// A line of a list: what it is about on the left, wrapped text on the right, or below if the left
/// is too long.
std::string row(const std::string& left, const std::string& text) {
  const std::string label = "  " + left;
  if (text.empty()) return label + "\n";
  const std::string right = wrap(text, kHelpWidth - kTextColumn, 0);
  std::string lines = label;
  std::string_view rest = right;
  if (label.size() >= kTextColumn)
    lines += "\n" + std::string(kTextColumn, ' ');
  else
    lines.append(kTextColumn - label.size(), ' ');
  for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    lines.append(rest.substr(0, end + 1)).append(kTextColumn, ' ');
    rest.remove_prefix(end + 1);
  }
  return lines.append(rest).append("\n");
}

class HelpFormatter final : public CLI::Formatter {
 public:
  [[nodiscard]] std::string make_option(const CLI::Option* option,
                                        bool is_positional) const override {
    return row(make_option_name(option, is_positional) + make_option_opts(option),
               make_option_desc(option));
  }
  /// Between groups of options CLI11 leaves two lines empty.
  [[nodiscard]] std::string make_help(const CLI::App* app, std::string name,
                                      CLI::AppFormatMode mode) const override {
    std::string text = CLI::Formatter::make_help(app, std::move(name), mode);
    for (auto at = text.find("\n\n\n"); at != std::string::npos; at = text.find("\n\n\n")) {
      text.erase(at, 1);
    }
    return text;
  }
  [[nodiscard]] std::string make_subcommand(const CLI::App* command) const override {
    return row(command->get_display_name(true), command->get_description());
  }
  [[nodiscard]] std::string make_description(const CLI::App* command) const override {
    return wrap(command->get_description(), kHelpWidth, 0) + "\n";
  }
  [[nodiscard]] std::string make_usage(const CLI::App* command, std::string name) const override {
    return wrap(CLI::Formatter::make_usage(command, std::move(name)), kHelpWidth, 4) + "\n";
  }
};

}  // namespace

std::string wrap(std::string_view text, std::size_t width, std::size_t indent) {
  std::string lines;
  std::size_t column = 0;
  for (auto start = text.find_first_not_of(" \n"); start != std::string_view::npos;
       start = text.find_first_not_of(" \n")) {
    text.remove_prefix(start);
    const std::string_view word = text.substr(0, text.find_first_of(" \n"));
    text.remove_prefix(word.size());
    if (column != 0 && column + 1 + word.size() > width) {
      lines.append("\n").append(indent, ' ');
      column = indent;
    } else if (column != 0) {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += word.size();
  }
  return lines;
}

std::string help_footer() {
  std::string text = "Exit status:";
  std::string_view separator = " ";
  for (const ExitStatus& each : kExitStatuses) {
    text += fmt::format("{}{} {}", separator, each.status, each.meaning);
    separator = ", ";
  }
  return wrap(text + ".", kHelpWidth, 0);
}

std::shared_ptr<CLI::FormatterBase> help_formatter() { return std::make_shared<HelpFormatter>(); }

}  // namespace nxgate::cli
