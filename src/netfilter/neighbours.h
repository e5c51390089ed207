// What IPv6 has to say to the neighbours on a link.
#pragma once

#include <span>

#include "base/address.h"
#include "netfilter/messages.h"
#include "netfilter/rule.h"

namespace nxgate::netfilter {

/// Accepts the messages without which a host on an Ethernet link has no IPv6, each by its type,
/// where it belongs to, its hop limit and its length, so that nothing rides along:
///
/// - neighbour solicitations and advertisements, router solicitations (RFC 4861), hop limit 255;
/// - reports of multicast listeners (RFC 3810, RFC 2710), hop limit 1, of solicited-node groups
///   alone: any other group is 112 bits of the choice of a process without any right.
///
/// Advertisements of routers, redirects and queries aren't a host's to send. `networks` are those
/// on the link; of them those of IPv6 count.
void accept_neighbours(Messages& messages, const Chain& chain, std::span<const Prefix> networks);

}  // namespace nxgate::netfilter
