#include "http/target.h"

#include <optional>
#include <string>
#include <string_view>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <fmt/core.h>

namespace nxgate::http {

std::optional<Target> parse_target(std::string_view text) {
  const auto parsed = boost::urls::parse_origin_form(text);
  if (!parsed) return std::nullopt;
  Target target{.path = parsed->path()};
  for (const auto parameter : parsed->params()) target.query[parameter.key] = parameter.value;
  return target;
}

std::string to_string(const Target& target) {
  std::string text = percent_encode(target.path, "/");
  char separator = '?';
  for (const auto& [key, value] : target.query) {
    text += fmt::format("{}{}={}", separator, percent_encode(key), percent_encode(value));
    separator = '&';
  }
  return text;
}

std::string percent_encode(std::string_view text, std::string_view plain) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string encoded;
  for (const char letter : text) {
    if (kPlain.contains(letter) || plain.contains(letter)) {
      encoded += letter;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(letter));
    }
  }
  return encoded;
}

}  // namespace nxgate::http
