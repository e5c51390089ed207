// Whom a connection is for, as its client says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"
#include "wire/name.h"

namespace nxgate::peek {

struct ServerName {
  enum class Kind : std::uint8_t {
    kUnusable = 0,  ///< something was said that is neither a name nor an address
    kAbsent,        ///< nothing was said
    kAddress,
    kName,
  };

  Kind kind = Kind::kUnusable;
  wire::DomainName name;             ///< of kName
  std::optional<IpAddress> address;  ///< of kAddress
  std::string text;  ///< as it was said, for the operator: not escaped, at most kLongestText octets

  static constexpr std::size_t kLongestText = 255;

  [[nodiscard]] static ServerName absent() { return {.kind = Kind::kAbsent}; }

  /// As both say the same, letter by letter.
  bool operator==(const ServerName&) const = default;
};

/// Reads a host name (RFC 1123 section 2.1, and underscores): labels of letters, digits, `-` and
/// `_`, upper case as lower, with or without one last dot, at most 253 octets. A name whose last
/// label is a number is none, since programs read all of it as an address: `0x7f.1`, `1.2.3`. An
/// IPv6 address stands without brackets.
[[nodiscard]] ServerName read_server_name(std::string_view text);

/// The same as the host of a URI (RFC 3986 section 3.2.2): an IPv6 address stands in brackets.
[[nodiscard]] ServerName read_uri_host(std::string_view text);

}  // namespace nxgate::peek
