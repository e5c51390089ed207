// Where the control socket is if nobody says so.
#pragma once

#include <string>

namespace nxgate::cli {

/// Where a server makes it: `/run/nxgate/control.sock` or, for an ordinary user who has a
/// XDG_RUNTIME_DIR, `nxgate/control.sock` below that.
[[nodiscard]] std::string usual_control_socket();

/// Where a command finds a server: NXGATE_CONTROL, or an ordinary user's own server, or that of the
/// system.
[[nodiscard]] std::string find_control_socket();

}  // namespace nxgate::cli
