// Reading JSON that somebody else wrote, and writing what several rooms do.
#pragma once

#include <optional>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/error.h"

namespace nxgate {

/// The object that a text is; nothing if it is none.
[[nodiscard]] std::optional<boost::json::object> parse_object(std::string_view text);

/// Objects with `file`, `line` and `column`, as far as there is such a place, and `text`.
[[nodiscard]] boost::json::array to_json(const Faults& faults);

}  // namespace nxgate
