// TOML nodes to values: the part of this room that knows toml++.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <toml++/toml.h>

#include "base/error.h"
#include "config/context.h"

namespace nxgate::config {

/// One document being read.
struct Reading {
  Context& context;
  std::string file;

  [[nodiscard]] Location at(const toml::source_region& source) const;
  void fault(const toml::node& node, std::string text);

  /// A single text, number or flag, as text; a fault and nothing if it is something else.
  std::optional<Text> scalar(const toml::node& node);
  /// The node as a table; a fault and null if it is none.
  const toml::table* table(const toml::node& node);
  /// Each element of an array of texts; a fault for whatever is none.
  void each(const toml::node& node, const std::function<void(const Text&)>& use);
  /// Each element of an array of texts and tables.
  void each(const toml::node& node, const std::function<void(const Text&)>& use,
            const std::function<void(const toml::table&)>& use_table);
  /// Each element of an array of tables.
  void each_table(const toml::node& node, const std::function<void(const toml::table&)>& use);
  /// The node as a table of named tables, such as `[policies.NAME]`.
  void each_named(const toml::node& node,
                  const std::function<void(const Text& name, const toml::table&)>& use);
};

/// In place of a default: the key must be there.
inline constexpr std::string_view kRequired = "(required)";

/// One key of a table whose values end up in a `T`. Its unknown-key check, its documentation and
/// its reading all come from here.
template <class T>
struct Field {
  std::string_view name;
  std::string_view type;
  std::string_view fallback;  ///< as TOML, or kRequired
  std::string_view doc;
  void (*read)(Reading& reading, const toml::node& node, T& into);
  /// Whether two values are the same to the running server. Set for keys that are sealed at start.
  bool (*same)(const T& a, const T& b) = nullptr;
};

template <class T>
T class_of(auto T::* member);

/// Reads a single value by `Parse`, one of value.h, into a member.
template <auto Member, auto Parse, class T = decltype(class_of(Member))>
void read_value(Reading& reading, const toml::node& node, T& into) {
  const auto text = reading.scalar(node);
  if (!text) return;
  auto value = Parse(text->value);
  if (!value) return reading.fault(node, value.error().message);
  into.*Member = *std::move(value);
}

/// Reads the name of a policy or upstream.
template <auto Member, class T = decltype(class_of(Member))>
void read_reference(Reading& reading, const toml::node& node, T& into) {
  const auto text = reading.scalar(node);
  if (text) into.*Member = {text->value, text->at};
}

template <auto Member, class T = decltype(class_of(Member))>
bool same_value(const T& a, const T& b) {
  return a.*Member == b.*Member;
}

/// Reads every key of `table`; unknown and missing ones are faults.
template <class T>
void read_table(Reading& reading, const toml::table& table, std::span<const Field<T>> fields,
                T& into) {
  std::vector<std::string_view> names;
  for (const Field<T>& field : fields) {
    names.push_back(field.name);
    if (const toml::node* const node = table.get(field.name)) {
      field.read(reading, *node, into);
    } else if (field.fallback == kRequired) {
      reading.fault(
          table, "missing key " + in_quotes(field.name) + ": expected " + std::string(field.type));
    }
  }
  for (const auto& [key, node] : table) {
    if (std::find(names.begin(), names.end(), key.str()) != names.end()) continue;
    reading.context.fault(reading.at(key.source()),
                          "unknown key " + in_quotes(key.str()) + suggestion(key.str(), names));
  }
}

}  // namespace nxgate::config
