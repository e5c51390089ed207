// How --help looks: lines of 80 columns.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace CLI {
class FormatterBase;
}

namespace nxgate::cli {

inline constexpr std::size_t kHelpWidth = 80;

/// `text` in lines of at most `width` columns, broken between words; every line but the first is
/// indented. A word that is too long gets a line of its own.
[[nodiscard]] std::string wrap(std::string_view text, std::size_t width, std::size_t indent);

/// What --help ends with: the exit statuses.
[[nodiscard]] std::string help_footer();

/// Lays out the help of CLI11 in lines that fit.
[[nodiscard]] std::shared_ptr<CLI::FormatterBase> help_formatter();

}  // namespace nxgate::cli
