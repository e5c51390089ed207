#include "http/fields.h"

#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/core.h>

#include "base/escape.h"

namespace nxgate::http {

namespace json = boost::json;

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

}  // namespace nxgate::http
