#include "peek/server_name.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/address.h"
#include "base/ascii.h"
#include "wire/name.h"

namespace nxgate::peek {
namespace {

/// RFC 1035 section 2.3.4, as text without the last dot.
constexpr std::size_t kLongestHost = wire::kLongestName - 2;

bool is_number(std::string_view label) {
  if (label.starts_with("0x") || label.starts_with("0X")) return true;
  return std::ranges::all_of(label, is_digit);
}

ServerName of_address(const std::optional<IpAddress>& address, ServerName said) {
  if (address) said.kind = ServerName::Kind::kAddress;
  said.address = address;
  return said;
}

/// What is neither of IPv6 nor in brackets.
ServerName read_name(std::string_view text, ServerName said) {
  if (text.ends_with('.')) text.remove_suffix(1);
  const bool has_syntax = std::ranges::all_of(text, is_host_character);
  if (!has_syntax || text.empty() || text.size() > kLongestHost) return said;
  if (is_number(text.substr(text.rfind('.') + 1))) {
    return of_address(IpAddress::parse(text), std::move(said));
  }
  if (const auto name = wire::DomainName::from_text(text); name && !text.ends_with('.')) {
    said.kind = ServerName::Kind::kName;
    said.name = *name;
  }
  return said;
}

ServerName as_said(std::string_view text) {
  return {.text = std::string(text.substr(0, ServerName::kLongestText))};
}

}  // namespace

ServerName read_server_name(std::string_view text) {
  if (text.contains(':')) return of_address(IpAddress::parse(text), as_said(text));
  return read_name(text, as_said(text));
}

ServerName read_uri_host(std::string_view text) {
  if (!text.starts_with('[')) return read_name(text, as_said(text));
  if (!text.ends_with(']')) return as_said(text);
  const std::string_view within = text.substr(1, text.size() - 2);
  if (!within.contains(':')) return as_said(text);
  return of_address(IpAddress::parse(within), as_said(text));
}

}  // namespace nxgate::peek
