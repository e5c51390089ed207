// The line-and-word shape that rules, lists, hosts files and records share.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace nxgate::policy {

/// A word and where it begins, counted from 1. An empty text is the end of the line.
struct Word {
  std::string_view text;
  std::uint32_t column = 0;
};

/// The words of a line, between blanks; the carriage return of a DOS line is a blank.
class WordReader {
 public:
  explicit WordReader(std::string_view line) : line_(line) {}

  Word next() {
    constexpr std::string_view kBlanks = " \t\r\v\f";
    const std::size_t begin = std::min(line_.find_first_not_of(kBlanks, at_), line_.size());
    at_ = std::min(line_.find_first_of(kBlanks, begin), line_.size());
    return {line_.substr(begin, at_ - begin), static_cast<std::uint32_t>(begin + 1)};
  }

 private:
  std::string_view line_;
  std::size_t at_ = 0;
};

/// A line without what follows `mark`.
[[nodiscard]] inline std::string_view without_comment(std::string_view line, char mark = '#') {
  return line.substr(0, line.find(mark));
}

/// The lines of a text without their # comments, numbered from 1 on behind those before it.
class LineReader {
 public:
  explicit LineReader(std::string_view text, std::uint32_t lines_before = 0)
      : rest_(text), number_(lines_before) {}

  std::optional<std::string_view> next() {
    const auto line = next_whole();
    return line ? std::optional(without_comment(*line)) : std::nullopt;
  }
  /// With its comment.
  std::optional<std::string_view> next_whole() {
    if (rest_.empty()) return std::nullopt;
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ++number_;
    return line;
  }
  [[nodiscard]] std::uint32_t number() const noexcept { return number_; }

 private:
  std::string_view rest_;
  std::uint32_t number_;
};

/// Reads `text` as a whole as an unsigned number.
template <class Number>
[[nodiscard]] std::optional<Number> parse_number(std::string_view text, int base = 10) {
  Number number = 0;
  const char* const first = text.data();
  const char* const last = first + text.size();
  const auto [end, error] = std::from_chars(first, last, number, base);
  if (error != std::errc{} || end != last) return std::nullopt;
  return number;
}

}  // namespace nxgate::policy
