// What a namespace's connection tracking and routing know about DNS.
#pragma once

#include <system_error>

#include "sys/netns.h"

namespace nxgate::netfilter {

/// Forgets every flow whose first packet went to port 53 over UDP or TCP, so that its next packet
/// is looked at afresh. That there is no connection tracking is fine.
[[nodiscard]] std::error_code forget_dns_flows(const sys::NetnsRef& netns);

/// Adds the IPv4 route by lo that is looked at when no other matches: in the table `default`, which
/// containers don't use.
[[nodiscard]] std::error_code add_last_route(const sys::NetnsRef& netns);

/// Takes that route away; that it isn't there is fine.
[[nodiscard]] std::error_code remove_last_route(const sys::NetnsRef& netns);

}  // namespace nxgate::netfilter
