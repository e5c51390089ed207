// Durations as operators write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace nxgate {

/// Reads a whole number with a unit: `250ms`, `10s`, `5m`, `1h`, `7d`. At most 10 years.
[[nodiscard]] std::optional<Milliseconds> parse_duration(std::string_view text);

/// The shortest text that parse_duration reads back: `1500ms`, `10s`, `5m`.
[[nodiscard]] std::string to_string(Milliseconds duration);

}  // namespace nxgate
