// The sockets at which a server is controlled.
#pragma once

#include <string>

#include "base/address.h"
#include "base/error.h"
#include "sys/descriptor.h"

namespace nxgate::http {

/// Opens a listening unix socket, and the directory it is in. It belongs to whoever starts us; its
/// mode is 0600, or 0660 for a group: root's own group has no part in it. One that a killed server
/// left behind is replaced; one where somebody answers is an error. At start, before there is
/// another thread.
[[nodiscard]] Result<sys::Descriptor> listen_unix(const std::string& path,
                                                  const std::string& group);

[[nodiscard]] Result<sys::Descriptor> listen_tcp(const Endpoint& at);

}  // namespace nxgate::http
