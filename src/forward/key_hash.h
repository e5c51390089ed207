// Hashing a question, for the tables of this room.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cache/cache.h"

namespace nxgate::forward {

/// Mixes the rest of a key into the hash of its name, which is keyed already.
struct KeyHash {
  std::size_t operator()(const cache::Key& key) const noexcept {
    constexpr std::uint64_t kMix = 0x9e37'79b9'7f4a'7c15;
    const std::uint64_t rest = static_cast<std::uint64_t>(key.group) << 32 |
                               static_cast<std::uint64_t>(key.question.type) << 16 |
                               static_cast<std::uint64_t>(key.question.qclass) << 2 |
                               static_cast<std::uint64_t>(key.dnssec_ok) << 1 |
                               static_cast<std::uint64_t>(key.checking_disabled);
    const std::uint64_t hash = (key.hash ^ rest * kMix) * kMix;
    return hash ^ hash >> 32;
  }
};

}  // namespace nxgate::forward
