#include "config/guard.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "base/error.h"

namespace nxgate::config {
namespace {

constexpr std::size_t kLargestText = 16UL << 20;
constexpr std::size_t kMostDots = 8;

/// The end of the string that starts at `at`, behind its closing quotes (TOML 1.0, "String").
std::size_t end_of_string(std::string_view text, std::size_t at) {
  const char quote = text[at];
  const std::string triple(3, quote);
  const bool multiline = text.substr(at).starts_with(triple);
  const std::string_view closing = multiline ? std::string_view(triple) : text.substr(at, 1);
  std::size_t i = at + closing.size();
  for (; i < text.size(); ++i) {
    if (text.substr(i).starts_with(closing)) break;
    if (text[i] == '\n' && !multiline) return i;
    if (text[i] == '\\' && quote == '"') ++i;
  }
  i = std::min(i + closing.size(), text.size());
  // Up to two quotes of the content may stand before the closing three.
  for (int extra = 0; multiline && extra < 2 && i < text.size() && text[i] == quote; ++extra) ++i;
  return i;
}

}  // namespace

std::optional<Fault> guard(std::string_view text, std::string_view file) {
  if (text.size() > kLargestText) {
    return Fault{{std::string(file), 0, 0},
                 fmt::format("{} bytes long; expected at most {}", text.size(), kLargestText)};
  }
  std::uint32_t line = 1;
  std::size_t line_start = 0;
  std::size_t dots = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
      case '"':
      case '\'': {
        const std::size_t end = end_of_string(text, i);
        for (; i + 1 < end; ++i) {
          if (text[i] != '\n') continue;
          ++line;
          line_start = i + 1;
        }
        break;
      }
      case '#':
        i = std::min(text.find('\n', i), text.size()) - 1;
        break;
      case '\n':
        ++line;
        line_start = i + 1;
        dots = 0;
        break;
      case '=':
      case ',':
      case '{':
      case '[':
        dots = 0;
        break;
      case '.':
        if (++dots <= kMostDots) break;
        return Fault{{std::string(file), line, static_cast<std::uint32_t>(i - line_start + 1)},
                     fmt::format("a key of more than {} parts; no key is that deep", kMostDots)};
      default:
        break;
    }
  }
  return std::nullopt;
}

}  // namespace nxgate::config
