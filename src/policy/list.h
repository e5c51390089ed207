// Lists of rules as text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "policy/list_format.h"
#include "policy/rule.h"

namespace nxgate::policy {

/// Whole lines of a list.
struct ListPart {
  std::string file;
  std::uint32_t lines_before = 0;
  ListForm form{};
};

/// What some lines of a list say: compact, and apart from the table that it goes into, so that many
/// parts can be read at once.
struct ParsedList {
  struct Entry {
    std::uint32_t name_at;
    std::uint32_t line;
    std::uint32_t column;
    std::uint8_t name_size;
    Scope scope;
  };

  std::string file;
  Action action = Action::kDeny;
  std::vector<Entry> entries;
  std::vector<std::uint8_t> names;                   ///< in wire form, in lower case
  std::vector<std::pair<std::size_t, Ports>> ports;  ///< by entry, of those that have some
  Faults faults;
  std::size_t faulty = 0;         ///< lines that are wrong
  Faults skipped;                 ///< lines of another format that no rule says, and why
  std::size_t skipped_lines = 0;  ///< how many

  [[nodiscard]] Bytes name(std::size_t entry) const noexcept {
    return Bytes(names).subspan(entries[entry].name_at, entries[entry].name_size);
  }
};

/// Reads a list text: one rule a line, blank lines, # comments (also behind a rule), or what its
/// form has in their place. Good lines count even if others are faults, of which those beyond
/// kMostFaults + 1 are only counted. Any thread.
[[nodiscard]] ParsedList parse_list(std::string_view text, ListPart part, Action action);

}  // namespace nxgate::policy
