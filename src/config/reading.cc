#include "config/reading.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>
#include <toml++/toml.h>

#include "base/error.h"
#include "config/context.h"

namespace nxgate::config {
namespace {

/// The value itself where it is short to say, else what kind of thing it is.
std::string shown(const toml::node& node) {
  if (const auto* const text = node.as_string()) return in_quotes(text->get());
  if (const auto* const number = node.as_integer()) return std::to_string(number->get());
  if (const auto* const flag = node.as_boolean()) return flag->get() ? "true" : "false";
  if (node.is_table()) return "a table";
  if (node.is_array()) return "a list";
  return node.is_floating_point() ? "a number with a decimal point" : "a date or time";
}

std::string expected_kind(std::string_view expected, const toml::node& node) {
  return fmt::format("expected {}, found {}", expected, shown(node));
}

}  // namespace

Location Reading::at(const toml::source_region& source) const {
  return {file, source.begin.line, source.begin.column};
}

void Reading::fault(const toml::node& node, std::string text) {
  context.fault(at(node.source()), std::move(text));
}

std::optional<Text> Reading::scalar(const toml::node& node) {
  const Location place = at(node.source());
  if (const auto* const text = node.as_string()) return Text{text->get(), place};
  if (const auto* const number = node.as_integer()) {
    return Text{std::to_string(number->get()), place};
  }
  if (const auto* const flag = node.as_boolean()) {
    return Text{flag->get() ? "true" : "false", place};
  }
  fault(node, expected_kind("a single value", node));
  return std::nullopt;
}

const toml::table* Reading::table(const toml::node& node) {
  const toml::table* const table = node.as_table();
  if (table == nullptr) fault(node, expected_kind("a table", node));
  return table;
}

void Reading::each(const toml::node& node, const std::function<void(const Text&)>& use) {
  const toml::array* const list = node.as_array();
  if (list == nullptr) return fault(node, expected_kind("a list of texts", node));
  for (const toml::node& element : *list) {
    if (const auto* const text = element.as_string()) {
      use({text->get(), at(element.source())});
    } else {
      fault(element, expected_kind("a text", element));
    }
  }
}

void Reading::each(const toml::node& node, const std::function<void(const Text&)>& use,
                   const std::function<void(const toml::table&)>& use_table) {
  const toml::array* const list = node.as_array();
  if (list == nullptr) return fault(node, expected_kind("a list of texts or tables", node));
  for (const toml::node& element : *list) {
    if (const auto* const text = element.as_string()) {
      use({text->get(), at(element.source())});
    } else if (const auto* const member = element.as_table()) {
      use_table(*member);
    } else {
      fault(element, expected_kind("a text or a table", element));
    }
  }
}

void Reading::each_table(const toml::node& node,
                         const std::function<void(const toml::table&)>& use) {
  const toml::array* const list = node.as_array();
  if (list == nullptr) return fault(node, expected_kind("a list of tables", node));
  for (const toml::node& element : *list) {
    if (const toml::table* const member = table(element)) use(*member);
  }
}

void Reading::each_named(const toml::node& node,
                         const std::function<void(const Text& name, const toml::table&)>& use) {
  const toml::table* const tables = table(node);
  if (tables == nullptr) return;
  for (const auto& [key, element] : *tables) {
    if (const toml::table* const named = table(element)) {
      use({std::string(key.str()), at(key.source())}, *named);
    }
  }
}

}  // namespace nxgate::config
