// What a packet socket may send: the rules for frames that no stack of the namespace made.
#pragma once

#include "netfilter/messages.h"
#include "netfilter/rule.h"

namespace nxgate::netfilter {

/// Each judges a frame by its own octets: what a packet socket says of it (`meta protocol`) is what
/// its sender chose, and whoever receives it doesn't believe that either. Of IP nothing can be
/// judged here: by PACKET_VNET_HDR its sender has the kernel write a checksum over any two octets
/// later. They are for the hook egress of an Ethernet link; a frame that is too short for one of
/// them doesn't match it.

/// Accepts what the namespace's own stack sends: it has a route, and was judged by IP.
void accept_routed(Messages& messages, const Chain& chain);

/// Accepts ARP for IPv4, as long as a request or a reply is and no longer.
void accept_arp(Messages& messages, const Chain& chain);

/// Drops what a socket in here sends past IP, and accepts what a bridge passes on to a container
/// inside: by a link that is named as engines name theirs, and received by another one.
void accept_bridged(Messages& messages, const Chain& chain);

}  // namespace nxgate::netfilter
