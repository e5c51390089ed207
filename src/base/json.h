// Reading JSON that somebody else wrote.
#pragma once

#include <optional>
#include <string_view>

#include <boost/json/object.hpp>

namespace nxgate {

/// The object that a text is; nothing if it is none.
[[nodiscard]] std::optional<boost::json::object> parse_object(std::string_view text);

}  // namespace nxgate
