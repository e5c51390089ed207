// Ports that lead from a sandbox to the host's loopback, and back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "cli/options.h"
#include "sys/netns.h"

namespace nxgate::app {

/// Listens on the sandbox's loopback at the ports of `--host-port`, and on the host's at those of
/// `--publish`, and carries each connection to the other side's loopback, IPv4 first, as long as
/// the loop runs. Call before the program is started, and when the namespace is attached. The error
/// names the port.
[[nodiscard]] Result<void> open_sandbox_ports(const cli::RunOptions& options,
                                              const sys::NetnsRef& inside,
                                              boost::asio::io_context& loop);

}  // namespace nxgate::app
