// An answered question as a line of JSON: for `watch` and the query log.
#pragma once

#include <string>
#include <string_view>

#include "engine/observer.h"

namespace nxgate::observe {

/// What became of a question in one word: `denied`, `nodata`, `local`, `cached`, `forwarded`,
/// `stale`, `failed`, `prohibited`. The words of the metrics.
[[nodiscard]] std::string_view verdict_of(const engine::Event& event) noexcept;

/// The rule as it stands in a list, or what else decided: `default`, `granted`, `narrowed`,
/// `exfiltration.NAME`, `local data`, `ancestor`.
[[nodiscard]] std::string rule_of(const engine::Decision& decision);

/// An object on one line, without the line's end. `client`, if it isn't empty, stands for its
/// address and the container's name.
[[nodiscard]] std::string to_json(const engine::Event& event, std::string_view client = {});

}  // namespace nxgate::observe
