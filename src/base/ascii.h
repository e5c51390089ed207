// Characters of ASCII, whatever the locale is.
#pragma once

namespace nxgate {

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

}  // namespace nxgate
