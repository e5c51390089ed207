// Where the fields that rules read stand in their headers, in octets.
#pragma once

#include <cstdint>

namespace nxgate::netfilter {

inline constexpr std::uint32_t kSourcePortOffset = 0;
inline constexpr std::uint32_t kDestinationPortOffset = 2;
inline constexpr std::uint32_t kIpv4SourceOffset = 12;
inline constexpr std::uint32_t kIpv4DestinationOffset = 16;
inline constexpr std::uint32_t kIpv6SourceOffset = 8;
inline constexpr std::uint32_t kIpv6DestinationOffset = 24;

}  // namespace nxgate::netfilter
