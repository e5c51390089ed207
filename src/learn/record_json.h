// A record as text, so that it survives a restart.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "learn/record.h"

namespace nxgate::learn {

/// JSON that `record_from_json` reads back as the same record. ASCII.
[[nodiscard]] std::string to_json(const Record& record);

/// Reads such a text, whoever wrote it. The error says what is wrong and where (`names[3].count`).
[[nodiscard]] Result<Record> record_from_json(std::string_view text);

}  // namespace nxgate::learn
