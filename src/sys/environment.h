// Reading environment variables that children must not inherit.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <system_error>

namespace nxgate::sys {

/// The variable's value, empty if there is none; it is removed, since it is for this process alone.
/// Call before the first thread is started.
[[nodiscard]] std::string take_variable(const char* name);

/// All of the text as a decimal number.
template <class Number>
[[nodiscard]] std::optional<Number> to_number(const std::string& text) noexcept {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

}  // namespace nxgate::sys
