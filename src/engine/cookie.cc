#include "engine/cookie.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/address.h"
#include "base/bytes.h"
#include "base/keyed_hash.h"
#include "wire/query.h"
#include "wire/writer.h"

namespace nxgate::engine {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kPlainSize = 16;  // client cookie, version, reserved, time; a hash follows

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
  const std::uint64_t hash = process_hash()(Bytes(input).first(writer.size()));
  std::memcpy(out.data() + kPlainSize, &hash, sizeof hash);
  return out;
}

}  // namespace nxgate::engine
