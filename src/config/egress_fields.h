// `[policies.NAME.egress]`.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include <toml++/toml.h>

#include "base/clock.h"
#include "config/reading.h"
#include "policy/connection_checks.h"
#include "policy/egress.h"

namespace nxgate::config {

/// As the keys are written, before they make a policy::Egress.
struct EgressTable {
  policy::Egress egress;
  bool off = false;
  Milliseconds most_ttl{Seconds(3600)};
  std::optional<bool> stays_closed{};
  std::optional<std::vector<policy::CheckedPort>> checks{};
};

[[nodiscard]] std::span<const Field<EgressTable>> egress_fields();

/// What a table without keys says.
[[nodiscard]] policy::Egress usual_egress();

/// Nothing for `mode = "off"`; what else is wrong is reported.
[[nodiscard]] std::optional<policy::Egress> read_egress_table(Reading& reading,
                                                              const toml::table& table);

}  // namespace nxgate::config
