// The system's own nameservers.
#pragma once

#include <string_view>
#include <vector>

#include "config/settings.h"

namespace nxgate::config {

inline constexpr std::string_view kResolvConf = "/etc/resolv.conf";

/// The servers of `nameserver` lines, in their order and at most three as for glibc. Lines that
/// name no address, with a zone or without (`fe80::1%eth0`), are left out, and nothing is ever made
/// up.
[[nodiscard]] std::vector<UpstreamServer> parse_system_resolvers(std::string_view text);

}  // namespace nxgate::config
