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

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_control(text, i)) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i]));
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace nxgate
