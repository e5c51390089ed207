#include "base/json.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>

#include "base/error.h"
#include "base/escape.h"

namespace nxgate {

namespace json = boost::json;

std::optional<json::object> parse_object(std::string_view text) {
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* const value = object.if_contains(key);
  if (value == nullptr) return "-";
  if (value->is_string()) return escaped(std::string_view(value->get_string()));
  if (value->is_double()) return fmt::format("{:.1f}", value->get_double());
  return json::serialize(*value);
}

double number_of(const json::object& object, std::string_view key) {
  const json::value* const value = object.if_contains(key);
  if (value == nullptr || !value->is_number()) return 0;
  return value->to_number<double>();
}

const json::array& list_of(const json::object& object, std::string_view key) {
  static const json::array kNone;
  const json::value* const value = object.if_contains(key);
  return value == nullptr || !value->is_array() ? kNone : value->get_array();
}

const json::object& part_of(const json::object& object, std::string_view key) {
  static const json::object kNone;
  const json::value* const value = object.if_contains(key);
  return value == nullptr || !value->is_object() ? kNone : value->get_object();
}

json::array to_json(const Faults& faults) {
  json::array all;
  for (const Fault& fault : faults) {
    json::object object{{"text", fault.text}};
    if (!fault.at.file.empty()) object["file"] = fault.at.file;
    if (fault.at.line != 0) object["line"] = fault.at.line;
    if (fault.at.column != 0) object["column"] = fault.at.column;
    all.push_back(std::move(object));
  }
  return all;
}

}  // namespace nxgate
