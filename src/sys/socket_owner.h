// Which process talks to whom.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sys/types.h>

#include "base/address.h"
#include "sys/netns.h"

namespace nxgate::sys {

struct ProcessSeen {
  pid_t pid = 0;
  std::string name;  ///< of its program, 15 octets at most; what the process says of itself
};

/// A process that has a socket of this protocol (IPPROTO_TCP, IPPROTO_UDP) in the namespace,
/// connected or connecting to `peer`; nothing if it is gone already. Reads /proc of all processes,
/// some milliseconds; needs CAP_SYS_PTRACE for those of others.
[[nodiscard]] std::optional<ProcessSeen> find_by_peer(const NetnsRef& netns, std::uint8_t protocol,
                                                      const Endpoint& peer);

}  // namespace nxgate::sys
