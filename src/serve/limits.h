// The limits of TCP clients.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/census.h"
#include "base/clock.h"

namespace nxgate::serve {

/// What a connection owes is counted in bytes: the answers that its client hasn't taken, and for
/// each question without an answer the longest there may be. A question for which there is no room
/// isn't taken from the connection.
struct TcpLimits {
  CensusLimits connections;             ///< of the whole process
  std::size_t unanswered = 64;          ///< on one connection; then no more are taken
  std::size_t own_bytes = 81'920;       ///< that each connection may owe
  std::size_t more_bytes = 64UL << 20;  ///< that all may owe beyond, shared by client
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
