#include "peek/http_authority.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"
#include "peek/http_refusal.h"
#include "peek/server_name.h"
#include "wire/name.h"

namespace nxgate::peek {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::string_view kScheme = "http://";

bool begins_with_scheme(std::string_view text) {
  return text.size() >= kScheme.size() &&
         std::ranges::equal(text.substr(0, kScheme.size()), kScheme, {}, [](char c) {
           return static_cast<char>(wire::lower(static_cast<std::uint8_t>(c)));
         });
}

std::unexpected<Refusal> refuse(std::string_view reason) {
  return std::unexpected(Refusal{400, reason});
}

}  // namespace

bool Authority::is_same(const Authority& other) const {
  return host.kind == other.host.kind && host.name == other.host.name &&
         host.address == other.host.address &&
         port.value_or(kHttpPort) == other.port.value_or(kHttpPort);
}

std::optional<Authority> read_authority(std::string_view text) {
  const std::size_t bracket = text.starts_with('[') ? text.find(']') : 0;
  if (bracket == std::string_view::npos) return std::nullopt;
  const std::size_t colon = text.find(':', bracket);
  Authority authority{read_uri_host(text.substr(0, colon)), std::nullopt};
  if (authority.host.kind == ServerName::Kind::kUnusable) return std::nullopt;
  if (colon == std::string_view::npos) return authority;
  authority.port = parse_port(text.substr(colon + 1));
  return authority.port ? std::optional(authority) : std::nullopt;
}

std::expected<Target, Refusal> read_target(std::string_view text, std::string_view method) {
  if (text.contains('#')) return refuse("a target with a fragment");
  if (text.starts_with('/')) return Target{std::nullopt, std::string(text)};
  if (text == "*") {
    if (method == "OPTIONS") return Target{std::nullopt, "*"};
    return refuse("a target of `*` for another method than OPTIONS");
  }
  if (!begins_with_scheme(text)) return refuse("a target that is neither a path nor of http");
  text.remove_prefix(kScheme.size());
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  const auto authority = read_authority(text.substr(0, end));
  if (!authority) return refuse("a target with an invalid host");
  const std::string_view path = text.substr(end);
  if (path.starts_with('/')) return Target{authority, std::string(path)};
  if (path.empty() && method == "OPTIONS") return Target{authority, "*"};
  return Target{authority, "/" + std::string(path)};
}

}  // namespace nxgate::peek
