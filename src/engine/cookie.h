// Server cookies.
#pragma once

#include <array>
#include <cstdint>

#include "base/address.h"
#include "wire/query.h"

namespace nxgate::engine {

using ServerCookie = std::array<std::uint8_t, 16>;

/// Makes the interoperable server cookie of RFC 9018 section 4 for a client cookie, the client's
/// address and the time, under a secret of this process. Any thread; no allocation.
///
/// nxgate hands out a fresh one with every reply to a query that carries a cookie and refuses no
/// query for the cookie it lacks, so a cookie sent back needs no check.
[[nodiscard]] ServerCookie make_server_cookie(const wire::Cookie& cookie, const IpAddress& client,
                                              std::uint32_t unix_time) noexcept;

}  // namespace nxgate::engine
