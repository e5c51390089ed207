#include "http/target.h"

#include <optional>
#include <string>
#include <string_view>

#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <boost/url/url_view.hpp>

namespace nxgate::http {

std::optional<Target> parse_target(std::string_view text) {
  const auto parsed = boost::urls::parse_origin_form(text);
  if (!parsed) return std::nullopt;
  Target target{.path = parsed->path()};
  for (const auto parameter : parsed->params()) target.query[parameter.key] = parameter.value;
  return target;
}

std::string to_string(const Target& target) {
  boost::urls::url url;
  url.set_path(target.path);
  for (const auto& [key, value] : target.query) url.params().append({key, value});
  return std::string(url.encoded_target());
}

}  // namespace nxgate::http
