// How a running server is, as text for a terminal of 80 columns.
#pragma once

#include <string>

#include <boost/json/object.hpp>

namespace nxgate::cli {

// Each takes the object that the path of its command answers with.

[[nodiscard]] std::string status_text(const boost::json::object& status);
[[nodiscard]] std::string health_text(const boost::json::object& health);

}  // namespace nxgate::cli
