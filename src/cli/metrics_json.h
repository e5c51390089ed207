// Metrics for those who read JSON.
#pragma once

#include <string_view>

#include <boost/json/array.hpp>

namespace nxgate::cli {

/// The samples of a text in Prometheus' form, in its order: objects with `name`, `labels`, `value`.
/// What is no sample is left out.
[[nodiscard]] boost::json::array samples_of(std::string_view exposition);

}  // namespace nxgate::cli
