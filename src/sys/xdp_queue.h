// Blocking AF_XDP sockets of others on a link.
#pragma once

#include <cstdint>
#include <expected>
#include <system_error>

#include "sys/descriptor.h"
#include "sys/netns.h"

namespace nxgate::sys {

/// A queue of a link, by the numbers that the kernel gives them.
struct LinkQueue {
  std::uint32_t link = 0;
  std::uint32_t queue = 0;
};

/// Occupies this queue of a link for AF_XDP, so that no other socket can: an AF_XDP socket bypasses
/// every hook of the kernel, and the kernel gives each queue to only one. Ours neither receives nor
/// sends: it has no buffers to send, and received packets go to such a socket only through a loaded
/// program. It is held until the descriptor is closed or the link leaves the namespace, which
/// SO_ERROR then reports as ENETDOWN.
///
/// EBUSY: somebody else has it. EINVAL: the link has no such queue. ENODEV: there is no such link.
/// EAFNOSUPPORT: the kernel has no such sockets. Needs CAP_NET_RAW, and CAP_SYS_ADMIN to enter the
/// namespace; takes a page of locked memory and three of the kernel's. Any thread.
[[nodiscard]] std::expected<Descriptor, std::error_code> hold_queue(const NetnsRef& netns,
                                                                    const LinkQueue& which);

}  // namespace nxgate::sys
