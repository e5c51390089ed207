// What the lines of a list are turned into, whatever its format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/escape.h"
#include "policy/list.h"
#include "policy/rule.h"
#include "policy/words.h"
#include "wire/name.h"

namespace nxgate::policy {

/// Appends to a list what a line says. One thread.
class ListBuilder {
 public:
  ListBuilder(ParsedList& list, const std::string& origin) : list_(list), origin_(origin) {}

  void begin_line(std::uint32_t number) noexcept { line_ = number; }

  [[nodiscard]] Action action() const noexcept { return list_.action; }
  /// Of a zone, with the last dot; empty if none is known.
  [[nodiscard]] std::string_view origin() const noexcept { return origin_; }

  void rule(Bytes name, Scope scope, std::uint32_t column, Ports ports = {}) {
    if (!ports.empty()) list_.ports.emplace_back(list_.entries.size(), std::move(ports));
    list_.entries.push_back({.name_at = static_cast<std::uint32_t>(list_.names.size()),
                             .line = line_,
                             .column = column,
                             .name_size = static_cast<std::uint8_t>(name.size()),
                             .scope = scope});
    list_.names.insert(list_.names.end(), name.begin(), name.end());
  }

  /// The line is wrong.
  void fault(std::uint32_t column, std::string text) {
    note(list_.faults, ++list_.faulty, column, std::move(text));
  }
  /// The line is right, but no rule about names says it.
  void skip(const Word& what, std::string_view why) {
    note(list_.skipped, ++list_.skipped_lines, what.column,
         fmt::format("{}: {}", quote(what.text), why));
  }

 private:
  void note(Faults& faults, std::size_t count, std::uint32_t column, std::string text) {
    if (count > kMostFaults + 1) return;
    faults.push_back({{list_.file, line_, column}, std::move(text)});
  }

  ParsedList& list_;
  const std::string& origin_;
  std::uint32_t line_ = 0;
};

// One line each, without its end.

void read_names_line(ListBuilder& list, std::string_view line);
void read_hosts_line(ListBuilder& list, std::string_view line);
void read_adblock_line(ListBuilder& list, std::string_view line);
void read_zone_line(ListBuilder& list, std::string_view line);

}  // namespace nxgate::policy
