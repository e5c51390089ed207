// Where our chains stand among those of others.
#pragma once

#include <cstdint>

#include <linux/netfilter_ipv4.h>

namespace nxgate::netfilter {

/// Docker's own rules stand at -100.
inline constexpr std::int32_t kBeforeDocker = NF_IP_PRI_NAT_DST - 1;
/// Behind all translation of addresses, so that every other rule has seen port 53.
inline constexpr std::int32_t kBehindNat = NF_IP_PRI_NAT_SRC + 1;

}  // namespace nxgate::netfilter
