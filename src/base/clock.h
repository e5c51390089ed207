// Time as nxgate measures it: monotonic, so that a changed wall clock never moves a TTL.
#pragma once

#include <chrono>

namespace nxgate {

using Clock = std::chrono::steady_clock;
using Instant = Clock::time_point;
using Milliseconds = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

}  // namespace nxgate
