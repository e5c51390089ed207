#include "policy/record_words.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/escape.h"
#include "policy/words.h"

namespace nxgate::policy {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\v\f";
constexpr std::size_t kLongestString = 255;

/// Where the word that begins at `at` ends: before a blank, or before the closing quote.
std::size_t end_of_word(std::string_view text, std::size_t at, bool quoted) {
  for (; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (quoted ? text[at] == '"' : kBlanks.find(text[at]) != kBlanks.npos) {
      return at;
    }
  }
  return quoted ? std::string_view::npos : text.size();
}

}  // namespace

Result<std::vector<RecordWord>> split_record(std::string_view text) {
  std::vector<RecordWord> words;
  std::size_t at = text.find_first_not_of(kBlanks);
  while (at < text.size()) {
    if (text[at] == ';') {
      return fail(
          fmt::format("column {}: `;` begins a comment in a zone file; quote a text that "
                      "holds one",
                      at + 1));
    }
    const bool quoted = text[at] == '"';
    const std::size_t begin = quoted ? at + 1 : at;
    const std::size_t end = end_of_word(text, begin, quoted);
    if (end == std::string_view::npos) {
      return fail(fmt::format("column {}: unclosed quote", at + 1));
    }
    words.push_back({text.substr(begin, end - begin), quoted});
    at = text.find_first_not_of(kBlanks, quoted ? end + 1 : end);
  }
  return words;
}

Result<std::vector<std::uint8_t>> unescape(std::string_view text) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      bytes.push_back(static_cast<std::uint8_t>(text[at]));
      continue;
    }
    ++at;
    if (at < text.size() && (text[at] < '0' || text[at] > '9')) {
      bytes.push_back(static_cast<std::uint8_t>(text[at]));
      continue;
    }
    const std::string_view digits = text.substr(std::min(at, text.size()), 3);
    const auto value = parse_number<std::uint8_t>(digits);
    if (digits.size() < 3 || !value) {
      return fail(
          fmt::format("{}: an escape is \\DDD up to \\255, or \\ and one character", quote(text)));
    }
    bytes.push_back(*value);
    at += 2;
  }
  if (bytes.size() > kLongestString) {
    return fail(
        fmt::format("a string of {} bytes; one has at most 255, write several", bytes.size()));
  }
  return bytes;
}

}  // namespace nxgate::policy
