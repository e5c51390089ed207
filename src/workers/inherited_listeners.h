// Which listeners a worker opens, and which the service manager has opened.
#pragma once

#include <cstddef>
#include <vector>

#include "base/error.h"
#include "serve/worker_context.h"
#include "sys/handed_sockets.h"

namespace nxgate::workers {

/// The listeners of the workers.
struct InheritedListeners {
  std::vector<serve::Listener> all;       ///< of the first worker
  std::vector<serve::Listener> shared;    ///< of every other worker
  std::vector<serve::OpenListener> open;  ///< handed over; one of the two sockets may be missing
};

/// Finds the listener of each socket that was handed over, by address, port and interface, and
/// makes the socket ready to serve. Listeners inside a namespace open their own. A listener whose
/// socket can't be shared is the first worker's alone, which is logged if there are more. A socket
/// that matches no listener is an error, since its queries would never be answered; so is a second
/// one for the same listener.
[[nodiscard]] Result<InheritedListeners> match_inherited(
    const std::vector<serve::Listener>& listeners, std::vector<sys::HandedSocket> handed,
    std::size_t workers);

}  // namespace nxgate::workers
