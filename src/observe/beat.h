// How often those that write events look for them.
#pragma once

#include <cstddef>

#include "base/clock.h"

namespace nxgate::observe {

/// Also how often a wait looks whether it is to stop.
inline constexpr Milliseconds kBeat{50};
/// As long as something comes.
inline constexpr Milliseconds kShortBeat{10};
/// Events: a second of a busy server.
inline constexpr std::size_t kMostUnwritten = 32768;

}  // namespace nxgate::observe
