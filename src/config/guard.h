// What toml++ must never be shown.
#pragma once

#include <optional>
#include <string_view>

#include "base/error.h"

namespace nxgate::config {

/// A fault if `text` is larger than any configuration, or holds a key of more dotted parts than any
/// of ours: toml++ 3.3 recurses over the parts of a key and overflows the stack on very long ones.
/// Nested arrays and inline tables it bounds by itself. One pass, no recursion.
[[nodiscard]] std::optional<Fault> guard(std::string_view text, std::string_view file);

}  // namespace nxgate::config
