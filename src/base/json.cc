#include "base/json.h"

#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>

namespace nxgate {
namespace {

namespace json = boost::json;

void append(std::string& text, const json::value& value);

template <class Items, class Append>
void append_list(std::string& text, const Items& items, char open, char close, Append append_item) {
  text += open;
  bool first = true;
  for (const auto& item : items) {
    if (!std::exchange(first, false)) text += ',';
    append_item(item);
  }
  text += close;
}

void append(std::string& text, const json::value& value) {
  if (value.is_object()) {
    append_list(text, value.get_object(), '{', '}', [&](const json::key_value_pair& member) {
      text += json::serialize(member.key());
      text += ':';
      append(text, member.value());
    });
  } else if (value.is_array()) {
    append_list(text, value.get_array(), '[', ']',
                [&](const json::value& item) { append(text, item); });
  } else if (value.is_double()) {
    const double number = value.get_double();
    text += std::isfinite(number) ? fmt::format("{}", number) : "null";
  } else {
    text += json::serialize(value);
  }
}

}  // namespace

std::optional<boost::json::object> parse_object(std::string_view text) {
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(text, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

std::string json_text(const boost::json::value& value) {
  std::string text;
  append(text, value);
  return text;
}

}  // namespace nxgate
