#include "config/scalar_syntax.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "config/context.h"

namespace nxgate::config {
namespace {

/// toml++ 3.3 recurses over the parts of a key, and overflows the stack on very long ones.
constexpr int kMostParts = 8;

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kHexDigits = "0123456789abcdefABCDEF";

/// What word processors and web pages make of quotation marks.
constexpr std::array<std::string_view, 6> kTypographicMarks{"“", "”", "„", "‘", "’", "«"};

bool has_typographic_mark(const TextCursor& at) {
  return std::ranges::any_of(kTypographicMarks, [&](auto mark) { return at.before(mark); });
}

/// The characters up to what ends a value.
std::string_view word(const TextCursor& at) {
  return at.rest().substr(0, at.rest().find_first_of(" \t\r\n,]}#"));
}

/// How many octets the character takes that starts `text`, or 0 if that isn't UTF-8 (RFC 3629).
std::size_t character_length(std::string_view text) {
  const auto octet = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned lead = octet(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead < 0xC2   ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((octet(i) & 0xC0U) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xE0 && octet(1) < 0xA0) || (lead == 0xF0 && octet(1) < 0x90);
  const bool no_character = (lead == 0xED && octet(1) > 0x9F) || (lead == 0xF4 && octet(1) > 0x8F);
  return overlong || no_character ? 0 : length;
}

/// Whether it has the form of a number. Whether it is one, toml++ says.
bool is_number(std::string_view text) {
  const auto only = [](std::string_view part, std::string_view characters) {
    return !part.empty() && part.find_first_not_of(characters) == std::string_view::npos;
  };
  for (const std::string_view prefix : {"0x", "0o", "0b"}) {
    if (text.starts_with(prefix)) return only(text.substr(2), "0123456789abcdefABCDEF_");
  }
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  if (text == "inf" || text == "nan") return true;
  const std::size_t exponent = text.find_first_of("eE");
  if (exponent != std::string_view::npos) {
    std::string_view digits = text.substr(exponent + 1);
    if (digits.starts_with('+') || digits.starts_with('-')) digits.remove_prefix(1);
    if (!only(digits, "0123456789_")) return false;
  }
  const std::string_view mantissa = text.substr(0, exponent);
  return only(mantissa, "0123456789_.") && std::ranges::count(mantissa, '.') <= 1 &&
         kDigits.contains(mantissa.front()) && kDigits.contains(mantissa.back());
}

/// Whether it has the form of a date, a time of day or both: no key of ours takes one, but the
/// fault that says so is better.
bool is_moment(std::string_view text) {
  const auto matches = [text](std::string_view form) {
    return text.size() >= form.size() &&
           std::ranges::equal(text.substr(0, form.size()), form, [](char c, char expected) {
             return expected == '0' ? kDigits.contains(c) : c == expected;
           });
  };
  return (matches("0000-00-00") || matches("00:00")) &&
         text.find_first_not_of("0123456789-:.+TtZz") == std::string_view::npos;
}

/// What to say of a value that is none.
std::string about(std::string_view word) {
  for (const std::string_view flag : {"true", "false"}) {
    if (std::ranges::equal(word, flag, [](char c, char lower) { return (c | 0x20) == lower; })) {
      return fmt::format("write {}, in small letters", flag);
    }
  }
  if (is_quotation_mark(word.back())) {
    const std::string_view before = word.substr(0, word.size() - 1);
    return fmt::format("{} has a quotation mark only at its end: write {}", in_quotes(word),
                       in_quotes(before));
  }
  return fmt::format("a text needs quotation marks: write {}", in_quotes(word));
}

/// Goes behind what a backslash begins (TOML 1.0, "String").
std::optional<Slip> skip_escape(TextCursor& cursor, bool multiline) {
  const TextCursor start = cursor;
  cursor.skip();
  if (multiline && (cursor.peek() == ' ' || cursor.peek() == '\t' || cursor.at_line_end())) {
    cursor.skip_blanks();
    if (cursor.at_line_end()) return std::nullopt;
    return Slip{start, "a backslash in front of a blank: write \\\\ for a backslash"};
  }
  const char kind = cursor.peek();
  cursor.skip();
  if (kind == 'u' || kind == 'U') {
    const std::size_t count = kind == 'u' ? 4 : 8;
    const std::string_view digits = cursor.rest().substr(0, count);
    cursor.skip(digits.size());
    if (digits.size() == count && digits.find_first_not_of(kHexDigits) == std::string_view::npos) {
      return std::nullopt;
    }
    return Slip{start, fmt::format("\\{} takes {} hexadecimal digits", kind, count)};
  }
  if (kind != '\0' && std::string_view("btnfr\"\\").contains(kind)) return std::nullopt;
  return Slip{start,
              "a backslash begins an escape in here, and this is none: write \\\\ for a "
              "backslash, or put the text between ' and '"};
}

}  // namespace

std::string found(const TextCursor& at) {
  if (at.at_end()) return "the end of the file";
  if (at.at_line_end()) return "the end of the line";
  std::string_view what = at.rest().substr(0, at.rest().find_first_of(" \t\r\n=,[]{}#"));
  if (what.empty()) what = at.rest().substr(0, 1);
  return in_quotes(what);
}

std::optional<Slip> encoding_slip(std::string_view text) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    return Slip{TextCursor(text), "this file is UTF-16: save it as UTF-8"};
  }
  TextCursor cursor(text);
  while (!cursor.at_end()) {
    const std::size_t length = character_length(cursor.rest());
    const auto octet = static_cast<unsigned char>(cursor.rest().front());
    if (length == 0) {
      return Slip{cursor, fmt::format("octet 0x{:02X} isn't UTF-8: save the file as UTF-8", octet)};
    }
    const bool ends_line = octet == '\n' || cursor.before("\r\n");
    if ((octet < 0x20 && octet != '\t' && !ends_line) || octet == 0x7F) {
      return Slip{cursor, fmt::format("a control character (0x{:02X}): delete it", octet)};
    }
    cursor.skip(length);
  }
  return std::nullopt;
}

std::optional<Slip> skip_key(TextCursor& cursor) {
  for (int parts = 1;; ++parts) {
    const TextCursor start = cursor;
    if (is_quotation_mark(cursor.peek())) {
      if (cursor.before("\"\"\"") || cursor.before("'''")) {
        return Slip{start, "a key has one quotation mark at each end"};
      }
      if (auto slip = skip_text(cursor)) return slip;
    } else {
      while (is_key_character(cursor.peek())) cursor.skip();
      if (cursor.since(start).empty()) {
        return Slip{start, fmt::format("expected a key of letters, digits, - and _, or one in "
                                       "quotation marks, found {}",
                                       found(start))};
      }
    }
    cursor.skip_blanks();
    if (cursor.peek() != '.') return std::nullopt;
    if (parts == kMostParts) {
      return Slip{cursor, fmt::format("a key of more than {} parts; no key is that deep", parts)};
    }
    cursor.skip();
    cursor.skip_blanks();
  }
}

std::optional<Slip> skip_text(TextCursor& cursor) {
  const TextCursor start = cursor;
  const std::string mark(1, cursor.peek());
  const std::string three = mark + mark + mark;
  const bool multiline = cursor.take(three);
  const std::string& closing = multiline ? three : mark;
  if (!multiline) cursor.skip();
  while (!cursor.take(closing)) {
    if (cursor.at_end() || (!multiline && cursor.at_line_end())) {
      return Slip{start, fmt::format("this text isn't closed: expected {} before the end of the {}",
                                     closing, multiline ? "file" : "line")};
    }
    if (cursor.peek() == '\\' && mark == "\"") {
      if (auto slip = skip_escape(cursor, multiline)) return slip;
    } else {
      cursor.skip();
    }
  }
  // Up to two quotation marks of the content may stand before the closing three.
  for (int extra = 0; multiline && extra < 2; ++extra) cursor.take(mark);
  return std::nullopt;
}

std::optional<Slip> skip_bare_value(TextCursor& cursor) {
  const TextCursor start = cursor;
  const std::string_view value = word(cursor);
  if (value.empty() || value.starts_with('=')) {
    return Slip{start, "expected a value, found " + found(start)};
  }
  if (has_typographic_mark(cursor)) {
    return Slip{start, "a typographic quotation mark: write \" instead"};
  }
  cursor.skip(value.size());
  if (value == "true" || value == "false" || is_number(value)) return std::nullopt;
  if (!is_moment(value)) return Slip{start, about(value)};
  // A time may stand behind a date and a blank.
  TextCursor next = cursor;
  if (next.take(" ") && value.contains('-') && !value.contains(':') && is_moment(word(next))) {
    next.skip(word(next).size());
    cursor = next;
  }
  return std::nullopt;
}

}  // namespace nxgate::config
