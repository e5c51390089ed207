// How much a TCP client may claim.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace nxgate::serve {

struct TcpLimits {
  std::size_t connections = 1024;           ///< in the whole process
  std::size_t connections_per_client = 32;  ///< by address
  std::size_t unanswered = 64;              ///< on one connection; then it isn't read any more
  std::size_t output = 131'072;             ///< bytes of answers not yet read, likewise
  /// Closed when no whole query came and no answer was read for so long (RFC 7766 section 6.2.3).
  Milliseconds idle{10'000};
};

/// How often a client may ask over UDP.
struct RateLimits {
  std::uint32_t queries_per_second = 0;  ///< 0: as often as it likes
  std::uint32_t burst = 200;             ///< queries at once
  std::uint8_t ipv4_prefix = 32;         ///< what of an address is a client
  std::uint8_t ipv6_prefix = 64;
  std::uint32_t truncate = 2;  ///< one in so many too many is answered TC=1; 0: none
};

}  // namespace nxgate::serve
