#include "base/json_fields.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/kind.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>

#include "base/error.h"

namespace nxgate {

namespace json = boost::json;

namespace {

std::string_view describe(json::kind kind) {
  switch (kind) {
    case json::kind::bool_:
      return "true or false";
    case json::kind::string:
      return "text";
    case json::kind::array:
      return "an array";
    case json::kind::object:
      return "an object";
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_:
      return "a whole number";
    case json::kind::null:
      break;
  }
  return "null";
}

std::string copy(const json::string& text) { return {text.data(), text.size()}; }

}  // namespace

Result<json::value> parse_document(std::string_view json) {
  boost::system::error_code error;
  json::value document = json::parse({json.data(), json.size()}, error);
  if (error) return fail("invalid JSON: " + error.message());
  if (!document.is_structured()) return fail("neither an object nor an array");
  return document;
}

JsonFields::JsonFields(const json::value& document, std::string& fault)
    : object_(document.if_object()), fault_(fault) {
  if (object_ == nullptr && fault_.empty()) fault_ = "it is not an object";
}

JsonFields::JsonFields(const json::object* object, std::string path, std::string& fault)
    : object_(object), path_(std::move(path)), fault_(fault) {}

std::string JsonFields::text(std::string_view key) const {
  const json::value* value = find(key, json::kind::string);
  return value == nullptr ? std::string() : copy(value->get_string());
}

bool JsonFields::flag(std::string_view key) const {
  const json::value* value = find(key, json::kind::bool_);
  return value != nullptr && value->get_bool();
}

std::int64_t JsonFields::number(std::string_view key) const {
  const json::value* value = find(key, json::kind::int64);
  return value == nullptr ? 0 : value->get_int64();
}

std::vector<std::string> JsonFields::texts(std::string_view key) const {
  std::vector<std::string> texts;
  const json::value* value = find(key, json::kind::array);
  if (value == nullptr) return texts;
  for (const json::value& element : value->get_array()) {
    if (is(element, json::kind::string, key)) texts.push_back(copy(element.get_string()));
  }
  return texts;
}

std::map<std::string, std::string> JsonFields::text_map(std::string_view key) const {
  std::map<std::string, std::string> texts;
  const json::value* value = find(key, json::kind::object);
  if (value == nullptr) return texts;
  for (const auto& [name, element] : value->get_object()) {
    if (is(element, json::kind::string, key)) texts[name] = copy(element.get_string());
  }
  return texts;
}

JsonFields JsonFields::inner(std::string_view key) const {
  const json::value* value = find(key, json::kind::object);
  return {value == nullptr ? nullptr : &value->get_object(), fmt::format("{}{}.", path_, key),
          fault_};
}

void JsonFields::each_of(std::string_view key,
                         const std::function<void(const JsonFields& inner)>& use) const {
  const json::value* value = find(key, json::kind::array);
  if (value == nullptr) return;
  for (const json::value& element : value->get_array()) {
    if (!is(element, json::kind::object, key)) continue;
    use({element.if_object(), fmt::format("{}{}.", path_, key), fault_});
  }
}

void JsonFields::each(
    const std::function<void(const std::string& key, const JsonFields& inner)>& use) const {
  if (object_ == nullptr) return;
  for (const auto& [key, value] : *object_) use(key, inner(key));
}

/// The field, if it is there and neither null nor of another kind.
const json::value* JsonFields::find(std::string_view key, json::kind kind) const {
  if (object_ == nullptr) return nullptr;
  const json::value* value = object_->if_contains({key.data(), key.size()});
  return value != nullptr && is(*value, kind, key) ? value : nullptr;
}

bool JsonFields::is(const json::value& value, json::kind kind, std::string_view key) const {
  if (value.kind() == kind) return true;
  if (!value.is_null() && fault_.empty()) {
    fault_ = fmt::format("{}{} is not {}", path_, key, describe(kind));
  }
  return false;
}

}  // namespace nxgate
