// Pieces of what is written for a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>
#include <fmt/core.h>

#include "base/json.h"
#include "cli/help.h"

namespace nxgate::cli {

/// `what` in the first `width` columns, and the text beside it in as many lines as it takes.
[[nodiscard]] inline std::string wrapped_line(std::string_view what, std::string_view text,
                                              std::size_t width) {
  return fmt::format("{:<{}}{}\n", what, width, wrap(text, kHelpWidth - width, width));
}

/// `1 worker`, `2 workers`.
[[nodiscard]] inline std::string counted(const boost::json::object& object, std::string_view key,
                                         std::string_view what) {
  return fmt::format("{} {}{}", text_of(object, key), what, number_of(object, key) == 1 ? "" : "s");
}

}  // namespace nxgate::cli
