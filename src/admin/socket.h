// The sockets at which a server is controlled.
#pragma once

#include <string>

#include "base/address.h"
#include "base/error.h"
#include "sys/descriptor.h"

namespace nxgate::admin {

/// Opens a listening unix socket of mode 0660, of that group if it isn't empty, and the directory
/// it is in. One that a killed server left behind is replaced; one where somebody answers is an
/// error. At start, before there is another thread.
[[nodiscard]] Result<sys::Descriptor> listen_unix(const std::string& path,
                                                  const std::string& group);

[[nodiscard]] Result<sys::Descriptor> listen_tcp(const Endpoint& at);

}  // namespace nxgate::admin
