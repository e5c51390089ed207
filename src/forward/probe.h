// Detecting that a server is back.
#pragma once

#include <cstddef>
#include <memory>

#include <boost/asio/awaitable.hpp>

#include "base/clock.h"
#include "cache/cache.h"
#include "forward/exchange.h"
#include "forward/group.h"

namespace nxgate::forward {

/// A server that is down, and the question that it missed.
struct Probe {
  std::shared_ptr<Group> group;
  std::size_t server = 0;
  cache::Key missed;
};

/// Asks the server, in turn for the root's NS and for the question that it missed, with EDNS and
/// without, until it replies with anything, so that no client has to wait to find out. One query at
/// a time, after a second at first and then at a quarter of the time it has been down, at most 30
/// s. The server stays down meanwhile. Gives up when no client has asked the group for a minute.
/// The caller has claimed the probe; it's released at the end.
[[nodiscard]] boost::asio::awaitable<void> probe_until_back(WorkerResources& resources,
                                                            Probe probe);

/// Asks a server that is silent so far for the root's NS, once, to learn whether it is dead or only
/// the name that it was asked for. The caller has claimed the check; it's released at the end.
[[nodiscard]] boost::asio::awaitable<void> check_silent_server(WorkerResources& resources,
                                                               Probe probe);

}  // namespace nxgate::forward
