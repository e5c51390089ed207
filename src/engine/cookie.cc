#include "engine/cookie.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <sodium.h>

#include "base/address.h"
#include "base/bytes.h"
#include "wire/query.h"
#include "wire/writer.h"

namespace nxgate::engine {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kPlainSize = 16;  // client cookie, version, reserved, time; a hash follows

using Secret = std::array<std::uint8_t, crypto_shorthash_siphash24_KEYBYTES>;

const Secret& secret() noexcept {
  static const Secret value = [] {
    Secret random;
    randombytes_buf(random.data(), random.size());
    return random;
  }();
  return value;
}

}  // namespace

FullCookie make_cookie(const wire::Cookie& cookie, const IpAddress& client,
                       std::uint32_t unix_time) noexcept {
  std::array<std::uint8_t, kPlainSize + 16> input{};
  wire::Writer writer(input);
  writer.bytes(cookie.client);
  writer.u8(kVersion);
  writer.u8(0);
  writer.u16(0);
  writer.u32(unix_time);
  writer.bytes(client.bytes());

  FullCookie out{};
  std::copy_n(input.begin(), kPlainSize, out.begin());
  crypto_shorthash_siphash24(out.data() + kPlainSize, input.data(), writer.size(), secret().data());
  return out;
}

}  // namespace nxgate::engine
