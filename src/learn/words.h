// Observations in the words of an operator.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "learn/proposal.h"

namespace nxgate::learn {

/// `2026-11-24`, of seconds since 1970 within Record::kLatest.
[[nodiscard]] std::string utc_date(std::int64_t when);
/// `2026-11-23` or `2026-11-23 to 2026-11-24`.
[[nodiscard]] std::string utc_dates(std::int64_t first, std::int64_t last);

/// `1 name`, `2 names`.
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view noun);

/// `12 queries, 2026-11-23 to 2026-11-24, by 10.0.0.5, 10.0.0.6 and 3 more`, of all names together.
[[nodiscard]] std::string usage(std::span<const Seen> names);

/// What stands above a list: whose observations these are.
[[nodiscard]] std::string summary(const Proposal& proposal);

}  // namespace nxgate::learn
