// Who asks, for all that is counted by client.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/address.h"
#include "base/bytes.h"

namespace nxgate {

/// One client, by a keyed hash, which tells nothing of it and can't be aimed at. Addresses that one
/// host may well have are one client: those of loopback, those of an IPv6 /64. The zero value is
/// nobody.
struct ClientKey {
  std::uint64_t value = 0;

  explicit operator bool() const noexcept { return value != 0; }
  bool operator==(const ClientKey&) const = default;
};

/// All that ask at a listener in a namespace of its own, which take whatever addresses they like.
[[nodiscard]] ClientKey client_behind(std::string_view listener) noexcept;

/// Who asks from `address`, at a listener with this policy or, if that is empty, at any other.
[[nodiscard]] ClientKey client_at(const IpAddress& address,
                                  std::string_view listener_policy = {}) noexcept;

/// A SipHash of the first 255 bytes under a key of this process; different for each `seed`.
[[nodiscard]] std::uint64_t keyed_hash(std::uint64_t seed, Bytes bytes) noexcept;

}  // namespace nxgate
