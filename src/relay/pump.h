// One direction of a relayed connection.
#pragma once

#include <cstdint>

#include <boost/asio/awaitable.hpp>

#include "relay/octets.h"
#include "relay/pipes.h"
#include "relay/side.h"

namespace nxgate::relay {

/// After so many pieces the others of the thread have their turn.
inline constexpr int kTurn = 4;

/// How a direction came to its end.
enum class End : std::uint8_t {
  kBroken = 0,  ///< a reset or a fault: the other end should see one as well
  kOpen,        ///< not yet
  kClosed,      ///< the sender has no more; the receiver is to be told
};

/// Moves bytes by splice(2), which copies none of them, until the sender has no more or something
/// breaks; `moved` counts them. Both sides must outlive it.
[[nodiscard]] boost::asio::awaitable<End> pump(Side& from, Side& to, PipePool& pipes,
                                               Octets& moved);

}  // namespace nxgate::relay
