// The network of a sandbox.
#pragma once

#include <string_view>

#include "sandbox/step.h"

namespace nxgate::sandbox {

/// Addresses that no server has (RFC 7600 section 4, RFC 6666): what the program connects from.
inline constexpr std::string_view kOwnAddress4 = "192.0.0.8";
inline constexpr std::string_view kOwnAddress6 = "100::1";

/// In the calling process's network namespace: lo is up, and a link whose other end is here as well
/// has these addresses and the default routes, so that programs find a way to everywhere, whatever
/// the host has. Nothing ever leaves by it. IPv6 is left out where the kernel has none.
[[nodiscard]] Done make_own_links();

}  // namespace nxgate::sandbox
