// The query that nxgate itself sends upstream: built afresh, no client byte is passed on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "wire/name.h"
#include "wire/query.h"
#include "wire/types.h"

namespace nxgate::wire {

/// What makes one upstream query different from another.
struct UpstreamQuery {
  Question question;
  std::uint16_t id = 0;
  bool dnssec_ok = false;
  bool checking_disabled = false;
  /// 0x20: one bit a letter of the name, from a CSPRNG, says which become capitals
  /// (draft-vixie-dnsext-dns0x20). 256 bits, for the 255 bytes of a name.
  std::array<std::uint8_t, 32> case_bits{};
  bool edns = true;
  bool wants_authentic =
      false;  ///< AD: tell whether the answer is validated (RFC 6840 section 5.7)
};

/// Writes the query: RD set, one question, and with `edns` an OPT that offers kLargestUdpSize and
/// no option. Returns its size; `buffer` must hold kLargestUpstreamQuery bytes.
inline constexpr std::size_t kLargestUpstreamQuery = kHeaderSize + kLongestName + 4 + 11;
[[nodiscard]] std::size_t write_upstream_query(const UpstreamQuery& query,
                                               MutableBytes buffer) noexcept;

}  // namespace nxgate::wire
