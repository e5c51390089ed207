// JSON as text, read and written.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace nxgate {

/// The object that a text is; nothing if it is none.
[[nodiscard]] std::optional<boost::json::object> parse_object(std::string_view text);

/// On one line, with numbers as people write them: 0.205, where Boost has 2.05E-1. What is no
/// number is null.
[[nodiscard]] std::string json_text(const boost::json::value& value);

}  // namespace nxgate
