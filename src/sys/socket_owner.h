// Finding the process behind a connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sys/types.h>

#include "base/address.h"
#include "base/clock.h"
#include "sys/netns.h"

namespace nxgate::sys {

struct ProcessSeen {
  pid_t pid = 0;     ///< 0: there was no time to find it
  std::string name;  ///< of its program, 15 octets at most; what the process says of itself
};

/// Of the processor: a container may have a hundred thousand processes, descriptors and sockets.
inline constexpr Milliseconds kLongestSearch{50};

/// A process that has a socket of this protocol (IPPROTO_TCP, IPPROTO_UDP) in the namespace,
/// connected or connecting to `peer`; nothing if it is gone already, and pid 0 if kLongestSearch
/// was over before all of /proc was read. Needs CAP_SYS_PTRACE for processes of others.
[[nodiscard]] std::optional<ProcessSeen> find_by_peer(const NetnsRef& netns, std::uint8_t protocol,
                                                      const Endpoint& peer);

}  // namespace nxgate::sys
