// Server cookies.
#pragma once

#include <array>
#include <cstdint>

#include "base/address.h"
#include "wire/query.h"

namespace nxgate::engine {

/// The client's cookie and, behind it, the server's.
using FullCookie = std::array<std::uint8_t, 24>;

/// Adds to a client cookie the interoperable server cookie of RFC 9018 section 4, made from the
/// client's address and the time under a secret of this process. Any thread; no allocation.
///
/// nxgate hands out a fresh one with every reply to a query that carries a cookie and refuses no
/// query for the cookie it lacks, so a cookie sent back needs no check.
[[nodiscard]] FullCookie make_cookie(const wire::Cookie& cookie, const IpAddress& client,
                                     std::uint32_t unix_time) noexcept;

}  // namespace nxgate::engine
