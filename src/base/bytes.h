// Byte ranges, the currency between the rooms.
#pragma once

#include <cstdint>
#include <span>

namespace nxgate {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

}  // namespace nxgate
