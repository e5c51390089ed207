// Listeners as configured to listeners as opened.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "serve/worker_context.h"

namespace nxgate::workers {

/// Whether IPv6 sockets are available.
[[nodiscard]] bool host_has_ipv6();

/// An interface becomes a wildcard of each family; an implied IPv6 listener is left out, with a
/// note in the log, unless `with_ipv6`. One that was asked for stays, so that opening it fails
/// loudly.
[[nodiscard]] std::vector<serve::Listener> to_open(const std::vector<config::Listener>& configured,
                                                   bool with_ipv6);

/// `127.0.0.1:53, [::1]:53`.
[[nodiscard]] std::string describe(const std::vector<serve::Listener>& listeners);

}  // namespace nxgate::workers
