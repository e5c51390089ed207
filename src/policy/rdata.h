// The data of records in presentation form, turned into wire form.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "policy/record_words.h"
#include "wire/types.h"

namespace nxgate::policy {

/// Reads the words behind the type of a record. The error names the offending word and the form
/// that was expected.
[[nodiscard]] Result<std::vector<std::uint8_t>> parse_rdata(wire::Type type,
                                                            std::span<const RecordWord> words);

}  // namespace nxgate::policy
