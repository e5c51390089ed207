// Connections whose names are checked, as text for a terminal.
#pragma once

#include <string>

#include <boost/json/object.hpp>

namespace nxgate::cli {

/// What `watch` tells of one behind its verdict:
/// `connect  443   good.test at 203.0.113.7:443 (the name isn't allowed, default)`.
[[nodiscard]] std::string connection_text(const boost::json::object& event);

/// A table of what /v1/connections answers. Its columns are as wide as their texts.
[[nodiscard]] std::string connections_text(const boost::json::object& answer);

}  // namespace nxgate::cli
