#include "docker/api_version.h"

#include <algorithm>
#include <charconv>
#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <boost/json/value.hpp>
#include <fmt/core.h>

#include "base/error.h"
#include "base/json_fields.h"

namespace nxgate::docker {
namespace {

struct ApiVersion {
  unsigned major = 0;
  unsigned minor = 0;

  auto operator<=>(const ApiVersion&) const = default;
};

/// What the parsers here were written against; the engine keeps to it when it is asked to.
constexpr ApiVersion kNewestKnown{1, 47};

std::optional<unsigned> to_number(std::string_view text) {
  unsigned number = 0;
  const auto [rest, error] = std::from_chars(text.begin(), text.end(), number);
  if (error != std::errc() || rest != text.end()) return std::nullopt;
  return number;
}

std::optional<ApiVersion> to_api_version(std::string_view text) {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::optional<unsigned> major = to_number(text.substr(0, dot));
  const std::optional<unsigned> minor = to_number(text.substr(dot + 1));
  if (!major || !minor) return std::nullopt;
  return ApiVersion{*major, *minor};
}

std::string to_string(ApiVersion version) {
  return fmt::format("{}.{}", version.major, version.minor);
}

}  // namespace

Result<EngineVersion> parse_version(std::string_view json) {
  const auto document = parse_document(json);
  if (!document) return fail("invalid version from the Docker engine: " + document.error().message);
  std::string fault;
  const JsonFields all(*document, fault);
  const std::string engine = all.text("Version");
  const std::string oldest_text = all.text("MinAPIVersion");
  const std::optional<ApiVersion> newest = to_api_version(all.text("ApiVersion"));
  if (!fault.empty()) return fail("invalid version from the Docker engine: " + fault);
  if (!newest) return fail("invalid version from the Docker engine: no ApiVersion in it");
  const ApiVersion oldest = to_api_version(oldest_text).value_or(ApiVersion{});
  if (oldest > kNewestKnown) {
    return fail(fmt::format(
        "Docker {} supports only API {} and later, but nxgate supports {}: use a newer nxgate",
        engine, oldest_text, to_string(kNewestKnown)));
  }
  return EngineVersion{.engine = engine, .api = to_string(std::min(*newest, kNewestKnown))};
}

}  // namespace nxgate::docker
