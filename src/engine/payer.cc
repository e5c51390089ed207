#include "engine/payer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <sodium.h>

#include "base/address.h"
#include "base/bytes.h"
#include "policy/policy.h"
#include "wire/name.h"

namespace nxgate::engine {
namespace {

using Secret = std::array<std::uint8_t, crypto_shorthash_siphash24_KEYBYTES>;

const Secret& secret() noexcept {
  static const Secret value = [] {
    Secret random;
    randombytes_buf(random.data(), random.size());
    return random;
  }();
  return value;
}

/// One hash for each use.
enum Seed : std::uint64_t { kAddress, kListener, kPayer, kPart };

Bytes bytes_of(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// The bytes that addresses of one client have in common.
Bytes common_part(const IpAddress& address) noexcept {
  constexpr std::size_t kOwnPrefix = 8;
  if (address.is_loopback()) return {};
  return address.is_v4() ? address.bytes() : address.bytes().first(kOwnPrefix);
}

}  // namespace

std::uint64_t keyed_hash(std::uint64_t seed, Bytes bytes) noexcept {
  std::array<std::uint8_t, sizeof seed + wire::kLongestName> input{};
  std::memcpy(input.data(), &seed, sizeof seed);
  const Bytes counted = bytes.first(std::min(bytes.size(), wire::kLongestName));
  std::ranges::copy(counted, input.begin() + sizeof seed);
  std::uint64_t hash = 0;
  crypto_shorthash_siphash24(reinterpret_cast<std::uint8_t*>(&hash), input.data(),
                             sizeof seed + counted.size(), secret().data());
  return hash;
}

std::uint64_t payer_of(const policy::Policy& policy, const IpAddress& address,
                       std::string_view listener) noexcept {
  if (!policy.payer.empty()) return keyed_hash(kPayer, bytes_of(policy.payer));
  if (!listener.empty()) return keyed_hash(kListener, bytes_of(listener));
  return keyed_hash(kAddress, common_part(address));
}

std::uint64_t cache_part_named(std::string_view name) noexcept {
  return keyed_hash(kPart, bytes_of(name)) | 1;
}

std::uint64_t cache_part_of(const policy::Policy& policy, const IpAddress& address) noexcept {
  if (!policy.cache_by_address) return policy.cache_part;
  return keyed_hash(policy.cache_part, common_part(address));
}

}  // namespace nxgate::engine
