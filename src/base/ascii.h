// Characters of ASCII, whatever the locale is.
#pragma once

namespace nxgate {

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// Of which the names of hosts are made: letters, digits, `-`, `_` and `.`.
constexpr bool is_host_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '_' ||
         c == '.';
}

}  // namespace nxgate
