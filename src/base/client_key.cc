#include "base/client_key.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/address.h"
#include "base/bytes.h"
#include "base/keyed_hash.h"

namespace nxgate {
namespace {

constexpr std::size_t kMostHashed = 255;

/// The bytes that addresses of one client have in common.
Bytes common_part(const IpAddress& address) noexcept {
  constexpr std::size_t kOwnPrefix = 8;
  if (address.is_loopback()) return {};
  return address.is_v4() ? address.bytes() : address.bytes().first(kOwnPrefix);
}

std::uint64_t hash_of(std::uint64_t seed, std::string_view text) noexcept {
  return keyed_hash(seed, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

/// 0 is nobody.
ClientKey key_of(std::uint64_t hash) noexcept { return {std::max<std::uint64_t>(hash, 1)}; }

}  // namespace

ClientKey client_behind(std::string_view listener) noexcept { return key_of(hash_of(1, listener)); }

ClientKey client_at(const IpAddress& address, std::string_view listener_policy) noexcept {
  const std::uint64_t seed = listener_policy.empty() ? 0 : hash_of(2, listener_policy);
  return key_of(keyed_hash(seed, common_part(address)));
}

std::uint64_t keyed_hash(std::uint64_t seed, Bytes bytes) noexcept {
  std::array<std::uint8_t, sizeof seed + kMostHashed> input;
  std::memcpy(input.data(), &seed, sizeof seed);
  const Bytes counted = bytes.first(std::min(bytes.size(), kMostHashed));
  std::ranges::copy(counted, input.begin() + sizeof seed);
  return process_hash()(Bytes(input).first(sizeof seed + counted.size()));
}

}  // namespace nxgate
