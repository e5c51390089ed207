#include "policy/list.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/error.h"
#include "policy/list_builder.h"
#include "policy/list_format.h"
#include "policy/rule.h"
#include "policy/words.h"
#include "wire/name.h"

namespace nxgate::policy {
namespace {

/// The wire form of a plain line: letters, digits, hyphens and underscores in two labels or more,
/// nothing else. Empty for any other line, of which parse_rule knows more.
Bytes plain_name(std::string_view line, std::array<std::uint8_t, wire::kLongestName>& out) {
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

using ReadLine = void (*)(ListBuilder&, std::string_view);

/// By ListFormat.
constexpr std::array<ReadLine, kListFormats> kReadLine{read_names_line, read_hosts_line,
                                                       read_adblock_line, read_zone_line};

}  // namespace

void read_names_line(ListBuilder& list, std::string_view line) {
  std::array<std::uint8_t, wire::kLongestName> room;
  line = without_comment(line);
  const Bytes plain = plain_name(line, room);
  if (!plain.empty() && (list.action() == Action::kDeny || !is_public_suffix(plain))) {
    return list.rule(plain, Scope::kSubtree, 1);
  }
  const Word first = WordReader(line).next();
  if (first.text.empty()) return;
  auto rule = parse_rule(line, list.action());
  if (!rule) return list.fault(first.column, std::move(rule.error().message));
  list.rule(rule->name.wire(), rule->scope, first.column, std::move(rule->ports));
}

ParsedList parse_list(std::string_view text, ListPart part, Action action) {
  ParsedList list{.file = std::move(part.file), .action = action};
  list.entries.reserve(static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1);
  list.names.reserve(text.size() + list.entries.capacity());
  ListBuilder builder(list, part.form.origin);
  const ReadLine read = kReadLine[static_cast<std::size_t>(part.form.format)];
  LineReader lines(text, part.lines_before);
  while (auto line = lines.next_whole()) {
    if (line->ends_with('\r')) line->remove_suffix(1);
    builder.begin_line(lines.number());
    read(builder, *line);
  }
  return list;
}

}  // namespace nxgate::policy
