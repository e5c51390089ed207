// Limits as configured to limits as enforced.
#pragma once

#include <cstddef>

#include "config/settings.h"
#include "serve/limits.h"

namespace nxgate::workers {

/// As many as there are processors, unless a number is set.
[[nodiscard]] std::size_t worker_count(const config::ServerSettings& settings);

/// Half of the `descriptors` are kept for listeners, upstreams and attached containers; logs if
/// that lowers what was set.
[[nodiscard]] serve::TcpLimits tcp_limits(const config::ServerSettings& settings,
                                          std::size_t descriptors);

/// An eighth of the `descriptors` at most: each takes two, and up to four more for what is on its
/// way to somebody who doesn't read.
[[nodiscard]] std::size_t relayed_connections(std::size_t descriptors);

[[nodiscard]] serve::RateLimits rate_limits(const config::RateLimitSettings& settings);

}  // namespace nxgate::workers
