#include <array>
#include <cstddef>
#include <span>
#include <utility>
#include <variant>

#include <toml++/toml.h>

#include "config/context.h"
#include "config/fields.h"
#include "config/reading.h"
#include "config/value.h"
#include "policy/exfiltration.h"

namespace nxgate::config {
namespace {

using policy::Exfiltration;
using policy::Limit;

void read(Reading& reading, const toml::node& node, const Limit::Number& number,
          Exfiltration& into) {
  const auto text = reading.scalar(node);
  if (!text) return;
  const auto value = parse_number_within(text->value, number.least, number.most);
  if (!value) return reading.fault(node, value.error().message);
  into.*number.member = *value;
}

void read(Reading& reading, const toml::node& node, Limit::Types types, Exfiltration& into) {
  (into.*types).clear();
  reading.each(node, [&](const Text& text) {
    const auto type = parse_record_type(text.value);
    if (!type) return reading.context.fault(text.at, type.error().message);
    (into.*types).push_back(*type);
  });
}

template <std::size_t I>
Field<Exfiltration> field_of() {
  const Limit& limit = policy::kLimits[I];
  const bool number = std::holds_alternative<Limit::Number>(limit.value);
  return {limit.key, number ? "number" : "list of types", limit.fallback, limit.doc,
          [](Reading& reading, const toml::node& node, Exfiltration& into) {
            std::visit([&](const auto& value) { read(reading, node, value, into); },
                       policy::kLimits[I].value);
          }};
}

}  // namespace

std::span<const Field<Exfiltration>> exfiltration_fields() {
  static const auto kFields = []<std::size_t... I>(std::index_sequence<I...>) {
    return std::array{field_of<I>()...};
  }(std::make_index_sequence<policy::kLimitCount>());
  return kFields;
}

}  // namespace nxgate::config
