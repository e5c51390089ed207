// Listening sockets in the file system, and who asks there.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <system_error>

#include <sys/types.h>

#include "sys/descriptor.h"

namespace nxgate::sys {

/// Opens a non-blocking stream socket that listens at `path` with that mode, and makes the
/// directory it is in. One that a killed server left behind is replaced; where somebody answers it
/// is EADDRINUSE, and a path that is too long is ENAMETOOLONG. Changes the umask for a moment.
[[nodiscard]] std::expected<Descriptor, std::error_code> listen_unix(const std::string& path,
                                                                     mode_t mode);

/// The user at the other end of a connection, as the kernel says (SO_PEERCRED); nothing if there is
/// none. Any thread.
[[nodiscard]] std::optional<uid_t> peer_user(int socket) noexcept;

}  // namespace nxgate::sys
