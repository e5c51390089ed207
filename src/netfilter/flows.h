// DNS flows in a namespace's connection tracking, and the route for DNS.
#pragma once

#include <system_error>

#include "sys/netns.h"

namespace nxgate::netfilter {

/// Deletes every flow whose first packet went to port 53 over UDP or TCP, so that its next packet
/// is checked again. No connection tracking is fine.
[[nodiscard]] std::error_code forget_dns_flows(const sys::NetnsRef& netns);

/// Adds the IPv4 route by lo that is looked at when no other matches: in the table `default`, which
/// containers don't use.
[[nodiscard]] std::error_code add_last_route(const sys::NetnsRef& netns);

/// Removes that route; a missing one is fine.
[[nodiscard]] std::error_code remove_last_route(const sys::NetnsRef& netns);

}  // namespace nxgate::netfilter
