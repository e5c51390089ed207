// A chain over the egress of links, those that are there and those to come.
#pragma once

#include <functional>
#include <string>
#include <system_error>
#include <vector>

#include "netfilter/batch.h"
#include "netfilter/socket.h"

namespace nxgate::netfilter {

/// Sends what `rules` says for these links and for those that engines will make: kernels from 6.16
/// take names of which there is no link yet, and cover such a one before it can be brought up. On
/// others it is for these links alone.
[[nodiscard]] std::error_code cover(
    Socket& socket, const std::vector<std::string>& links,
    const std::function<Batch(const std::vector<std::string>& names)>& rules);

}  // namespace nxgate::netfilter
