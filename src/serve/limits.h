// How much a TCP client may claim.
#pragma once

#include <cstddef>

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

}  // namespace nxgate::serve
