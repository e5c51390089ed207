// Whom an HTTP request is for (RFC 9110 section 7.2).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "peek/http_refusal.h"
#include "peek/server_name.h"

namespace nxgate::peek {

/// A host, which is a name or an address and never anything else, and its port.
struct Authority {
  ServerName host;
  std::optional<std::uint16_t> port;  ///< as said

  /// Whether both are the same, where no port means that of `http`.
  [[nodiscard]] bool is_same(const Authority& other) const;
};

/// Reads `HOST` or `HOST:PORT` (RFC 3986 section 3.2, without user information); nothing if the
/// host is neither a name nor an address, or the port is none.
[[nodiscard]] std::optional<Authority> read_authority(std::string_view text);

/// A request's target (RFC 9112 section 3.2).
struct Target {
  std::optional<Authority> authority;  ///< of the absolute form
  std::string origin;                  ///< what an origin server is asked for: `/path?query`, `*`
};

/// Reads `/path`, `http://HOST/path`, and `*` for OPTIONS.
[[nodiscard]] std::expected<Target, Refusal> read_target(std::string_view text,
                                                         std::string_view method);

}  // namespace nxgate::peek
