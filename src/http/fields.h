// Reading the JSON that a running server answers with.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace nxgate::http {

/// A member as text that can't steer a terminal; `-` if it isn't there.
[[nodiscard]] std::string text_of(const boost::json::object& object, std::string_view key);

// These are zero or empty if there is no such member, or one of another kind.

[[nodiscard]] double number_of(const boost::json::object& object, std::string_view key);
[[nodiscard]] const boost::json::array& list_of(const boost::json::object& object,
                                                std::string_view key);
[[nodiscard]] const boost::json::object& part_of(const boost::json::object& object,
                                                 std::string_view key);

}  // namespace nxgate::http
