#include "base/escape.h"

#include <cstddef>
#include <string>
#include <string_view>

#include <fmt/core.h>

namespace nxgate {

namespace {

/// Whether the byte is a control character of ASCII, or part of one of the second kind (C1, U+0080
/// to U+009F), which terminals obey as well.
bool is_control(std::string_view text, std::size_t at) {
  const auto byte = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto is_c1 = [byte](std::size_t lead) {
    return byte(lead) == 0xc2 && byte(lead + 1) >= 0x80 && byte(lead + 1) <= 0x9f;
  };
  return byte(at) < 0x20 || byte(at) == 0x7f || is_c1(at) || (at > 0 && is_c1(at - 1));
}

/// Adds one octet of the text, as it may be shown.
void append(std::string_view text, std::size_t at, std::string& out) {
  if (is_control(text, at)) {
    out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
  } else {
    out += text[at];
  }
}

bool continues_character(char octet) { return (static_cast<unsigned char>(octet) & 0xc0U) == 0x80; }

/// As much of the text, escaped, as fits into `most` octets; and whether more follows.
struct Front {
  std::string text;
  bool cut = false;
};
Front front_of(std::string_view text, std::size_t most) {
  Front front;
  std::size_t whole = 0;  // where the last character begins, before which may be cut
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!continues_character(text[i])) whole = front.text.size();
    append(text, i, front.text);
    if (front.text.size() <= most) continue;
    front.text.resize(whole);
    front.cut = true;
    break;
  }
  return front;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) append(text, i, out);
  return out;
}

std::string shortened(std::string_view text, std::size_t most) {
  const Front front = front_of(text, most);
  return front.text + (front.cut ? fmt::format("… ({} octets)", text.size()) : "");
}

std::string quote(std::string_view text, char mark) {
  const Front front = front_of(text, kLongestQuote);
  if (!front.cut) return mark + front.text + mark;
  return fmt::format("{}{}…{} ({} octets)", mark, front.text, mark, text.size());
}

}  // namespace nxgate
