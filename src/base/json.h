// Reading JSON that somebody else wrote, and writing what several rooms do.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/error.h"

namespace nxgate {

/// The object that a text is; nothing if it is none.
[[nodiscard]] std::optional<boost::json::object> parse_object(std::string_view text);

/// A member as text that can't steer a terminal; `-` if it isn't there.
[[nodiscard]] std::string text_of(const boost::json::object& object, std::string_view key);

// These are zero or empty if there is no such member, or one of another kind.

[[nodiscard]] double number_of(const boost::json::object& object, std::string_view key);
[[nodiscard]] const boost::json::array& list_of(const boost::json::object& object,
                                                std::string_view key);
[[nodiscard]] const boost::json::object& part_of(const boost::json::object& object,
                                                 std::string_view key);

/// Objects with `file`, `line` and `column`, as far as there is such a place, and `text`.
[[nodiscard]] boost::json::array to_json(const Faults& faults);

}  // namespace nxgate
