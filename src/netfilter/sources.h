// Whose packets a flow may begin with: rules that stand in front of all judgement.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "netfilter/batch.h"
#include "netfilter/rule.h"

namespace nxgate::netfilter {

/// Chains before conntrack believes a flow (it confirms one where the packet is delivered or
/// leaves). A flow whose first packet has the source of somebody else would make what is sent to
/// there an answer, which passes, and so would an error about such a packet. What they don't like
/// goes to the chain `forged`. What conntrack doesn't track (neighbour discovery, reports of
/// groups) is judged like all else: an error about it would take its data to the source as well.
struct SourceChains {
  Chain fragments;  ///< before they are put together; the kernel makes errors about those that wait
  Chain arriving;   ///< hooked in at prerouting
  Chain clients;    ///< what comes in by the links of clients
  Chain leaving;    ///< hooked in at output
  std::string_view forged;
};

/// What the namespace sends, to itself as well, and what comes in. Priority of both: after
/// conntrack has seen the packet, before its addresses are translated.
void add_source_rules(Batch& batch, const SourceChains& chains);

/// What comes in by the links of clients that the namespace forwards for. Its own errors aren't
/// judged there, so that about a fragment mustn't come to be.
void add_source_rules(Batch& batch, const SourceChains& chains, std::span<const std::string> links);

}  // namespace nxgate::netfilter
