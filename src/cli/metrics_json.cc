#include "cli/metrics_json.h"

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace nxgate::cli {

namespace json = boost::json;

namespace {

/// Takes `NAME="VALUE"` and the comma behind it from the front; false if none stands there.
bool take_label(std::string_view& text, json::object& labels) {
  const std::size_t begin = text.find("=\"");
  if (begin == std::string_view::npos) return false;
  std::string value;
  for (std::size_t at = begin + 2; at < text.size(); ++at) {
    if (text[at] == '"') {
      labels[text.substr(0, begin)] = value;
      text.remove_prefix(at + 1);
      if (text.starts_with(',')) text.remove_prefix(1);
      return true;
    }
    const bool escape = text[at] == '\\' && at + 1 < text.size();
    if (escape) ++at;
    value += escape && text[at] == 'n' ? '\n' : text[at];
  }
  return false;
}

std::optional<json::object> sample_of(std::string_view line) {
  if (line.starts_with('#')) return std::nullopt;
  const std::size_t end = line.find_first_of("{ ");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view name = line.substr(0, end);
  const bool labelled = line[end] == '{';
  line.remove_prefix(end + 1);
  json::object labels;
  if (labelled) {
    while (!line.starts_with("} ")) {
      if (!take_label(line, labels)) return std::nullopt;
    }
    line.remove_prefix(2);
  }
  double value = 0;
  const auto [stop, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error != std::errc{} || stop != line.data() + line.size()) return std::nullopt;
  return json::object{{"name", name}, {"labels", std::move(labels)}, {"value", value}};
}

}  // namespace

json::array samples_of(std::string_view exposition) {
  json::array samples;
  while (!exposition.empty()) {
    const std::string_view line = exposition.substr(0, exposition.find('\n'));
    exposition.remove_prefix(line.size() + (line.size() < exposition.size() ? 1 : 0));
    if (auto sample = sample_of(line)) samples.push_back(*std::move(sample));
  }
  return samples;
}

}  // namespace nxgate::cli
