// What `/v1/explain` answers, as lines.
#pragma once

#include <string>
#include <vector>

#include <boost/json/object.hpp>

namespace nxgate::top {

/// A line of an explanation: `verdict`, `denied: NXDOMAIN`.
struct Finding {
  std::string what;
  std::string text;
};

/// Without anything that could steer a terminal.
[[nodiscard]] std::vector<Finding> findings_of(const boost::json::object& explanation);

}  // namespace nxgate::top
