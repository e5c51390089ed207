// Whether a text is TOML at all, in our own words.
#pragma once

#include <string>
#include <string_view>

#include "config/context.h"

namespace nxgate::config {

/// Adds a fault for everything that isn't TOML 1.0: each line that is wrong, not only the first.
/// toml++ is shown nothing that has one: it says less, and its parser (3.3) relies on what it
/// doesn't check, such as the first character of a table's name. Nesting and the parts of a key are
/// limited here as well, so that nothing recurses deeply over a text. What remains for toml++ to
/// refuse is a key that is given twice, or a number or date that is none.
/// One pass, no recursion.
///
/// @return Whether the text is good.
[[nodiscard]] bool check_syntax(std::string_view text, const std::string& file, Context& context);

}  // namespace nxgate::config
