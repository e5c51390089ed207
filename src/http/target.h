// The target of an HTTP request.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace nxgate::http {

struct Target {
  std::string path;
  std::map<std::string, std::string> query;
};

/// Takes `/path?key=value&…` apart and decodes it (RFC 3986); nothing if it is malformed.
[[nodiscard]] std::optional<Target> parse_target(std::string_view text);

/// The other way round.
[[nodiscard]] std::string to_string(const Target& target);

/// Letters, digits, `-._~` and what is in `plain` stay, everything else becomes `%XX`.
[[nodiscard]] std::string percent_encode(std::string_view text, std::string_view plain = {});

}  // namespace nxgate::http
