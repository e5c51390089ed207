#include "policy/list.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/error.h"
#include "policy/rule.h"
#include "policy/words.h"
#include "wire/name.h"

namespace nxgate::policy {
namespace {

/// The wire form of a plain line: letters, digits, hyphens and underscores in two labels or more,
/// nothing else. Empty for any other line, of which parse_rule knows more.
Bytes plain_name(std::string_view line, std::array<std::uint8_t, wire::kLongestName>& out) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() + 2 > out.size()) return {};
  std::size_t label_at = 0;
  std::size_t size = 1;
  for (const char c : line) {
    if (c == '.') {
      const std::size_t length = size - label_at - 1;
      if (length == 0 || length > wire::kLongestLabel) return {};
      out[label_at] = static_cast<std::uint8_t>(length);
      label_at = size++;
      continue;
    }
    const auto byte = wire::lower(static_cast<std::uint8_t>(c));
    const bool plain =
        (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
    if (!plain) return {};
    out[size++] = byte;
  }
  const std::size_t length = size - label_at - 1;
  if (label_at == 0 || length == 0 || length > wire::kLongestLabel) return {};
  // A number at the end may be the end of an address.
  if (out[label_at + 1] <= '9') return {};
  out[label_at] = static_cast<std::uint8_t>(length);
  out[size++] = 0;
  return Bytes(out).first(size);
}

void append(ParsedList& list, Bytes name, Scope scope, std::uint32_t line, std::uint32_t column) {
  list.entries.push_back({.name_at = static_cast<std::uint32_t>(list.names.size()),
                          .line = line,
                          .column = column,
                          .name_size = static_cast<std::uint8_t>(name.size()),
                          .scope = scope});
  list.names.insert(list.names.end(), name.begin(), name.end());
}

}  // namespace

ParsedList parse_list(std::string_view text, ListPart part, Action action) {
  ParsedList list{.file = std::move(part.file), .action = action};
  list.entries.reserve(static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1);
  list.names.reserve(text.size() + list.entries.capacity());
  std::array<std::uint8_t, wire::kLongestName> room;
  LineReader lines(text, part.lines_before);
  while (const auto line = lines.next()) {
    const Bytes plain = plain_name(*line, room);
    if (!plain.empty() && (action == Action::kDeny || !is_public_suffix(plain))) {
      append(list, plain, Scope::kSubtree, lines.number(), 1);
      continue;
    }
    const Word first = WordReader(*line).next();
    if (first.text.empty()) continue;
    auto rule = parse_rule(*line, action);
    if (!rule) {
      if (++list.faulty > kMostFaults + 1) continue;
      list.faults.push_back(
          {{list.file, lines.number(), first.column}, std::move(rule.error().message)});
      continue;
    }
    if (!rule->ports.empty()) list.ports.emplace_back(list.entries.size(), std::move(rule->ports));
    append(list, rule->name.wire(), rule->scope, lines.number(), first.column);
  }
  return list;
}

}  // namespace nxgate::policy
