// An event as a line of JSON: for `watch` and the query log.
#pragma once

#include <string>
#include <string_view>

#include "engine/observer.h"

namespace nxgate::observe {

/// An object on one line, without the line's end: its verdict in the words of the metrics, or of a
/// connection in those of engine::ConnectionVerdict; its rule as engine::rule_of says it. `client`,
/// if it isn't empty, stands for its address and the container's name.
[[nodiscard]] std::string to_json(const engine::Event& event, std::string_view client = {});

}  // namespace nxgate::observe
