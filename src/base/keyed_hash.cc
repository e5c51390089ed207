#include "base/keyed_hash.h"

#include <cstdint>

#include <sodium.h>

#include "base/bytes.h"

namespace nxgate {

static_assert(crypto_shorthash_siphash24_BYTES == sizeof(std::uint64_t));

KeyedHash::KeyedHash() noexcept {
  static_assert(crypto_shorthash_siphash24_KEYBYTES == kKeySize);
  randombytes_buf(key_.data(), key_.size());
}

std::uint64_t KeyedHash::operator()(Bytes bytes) const noexcept {
  std::uint64_t hash = 0;
  crypto_shorthash_siphash24(reinterpret_cast<std::uint8_t*>(&hash), bytes.data(), bytes.size(),
                             key_.data());
  return hash;
}

const KeyedHash& process_hash() noexcept {
  static const KeyedHash hash;
  return hash;
}

}  // namespace nxgate
