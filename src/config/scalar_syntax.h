// The smallest parts of a TOML text: keys, texts, numbers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/text_cursor.h"

namespace nxgate::config {

/// Something that isn't TOML, where it is, and what to write instead.
struct Slip {
  TextCursor at;
  std::string text;
};

/// Whether a key may be written with it without quotation marks.
[[nodiscard]] constexpr bool is_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}
[[nodiscard]] constexpr bool is_quotation_mark(char c) { return c == '"' || c == '\''; }

/// What stands at a place, for a fault: the word, the character, or the end.
[[nodiscard]] std::string found(const TextCursor& at);

/// Where a text isn't UTF-8, or holds a control character that TOML forbids everywhere. Any other
/// function here, and toml++, is shown only what passes this.
[[nodiscard]] std::optional<Slip> encoding_slip(std::string_view text);

/// Goes behind a key, of parts with dots between them.
[[nodiscard]] std::optional<Slip> skip_key(TextCursor& cursor);
/// Goes behind the text in quotation marks that begins here.
[[nodiscard]] std::optional<Slip> skip_text(TextCursor& cursor);
/// Goes behind the value without quotation marks that begins here.
[[nodiscard]] std::optional<Slip> skip_bare_value(TextCursor& cursor);

}  // namespace nxgate::config
