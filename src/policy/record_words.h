// The words of a zone-file record: blanks, "quoted strings" and escapes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nxgate::policy {

/// One word as it stands in the text, escapes and all, quotes taken off.
struct RecordWord {
  std::string_view text;
  bool quoted = false;
};

/// Splits a record into words (RFC 1035 section 5.1). Fails on an open quote and on an unquoted
/// `;`, behind which a zone file would have a comment.
[[nodiscard]] Result<std::vector<RecordWord>> split_record(std::string_view text);

/// A <character-string>: at most 255 bytes, escapes resolved.
[[nodiscard]] Result<std::vector<std::uint8_t>> unescape(std::string_view text);

}  // namespace nxgate::policy
