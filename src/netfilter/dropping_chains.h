// Which rules of others in a namespace may drop what goes to nxgate.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "sys/netns.h"

namespace nxgate::netfilter {

/// The chains at input and output that aren't nxgate's and that can drop or reject a packet, in
/// words: `chain OUTPUT of table ip filter (policy drop)`. One that goes on to other chains of its
/// table counts if one of them can. Of iptables-legacy only the table is known. Changes nothing;
/// for a process that has CAP_NET_ADMIN itself.
[[nodiscard]] Result<std::vector<std::string>> dropping_chains(const sys::NetnsRef& netns);

}  // namespace nxgate::netfilter
