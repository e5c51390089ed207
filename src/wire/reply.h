// Building the answer to a client.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "wire/query.h"
#include "wire/types.h"
#include "wire/writer.h"

namespace nxgate::wire {

/// The EDNS part of a reply. Written exactly when the query had an OPT.
struct ReplyEdns {
  std::optional<Ede> ede;
  std::string_view extra_text;                         ///< UTF-8, left out first if space is short
  std::optional<std::array<std::uint8_t, 24>> cookie;  ///< the client's and ours, RFC 9018
  std::optional<std::uint16_t> keepalive;              ///< in units of 100 ms, RFC 7828
};

/// Writes one reply: construct, add records, `finish`.
///
/// The header echoes id, opcode, RD and CD of the query and sets QR and RA; the question is echoed
/// byte for byte. `limit` bounds the message: what does not fit is left out and TC set, with no
/// record at all, so that a truncated answer can't be taken for a short one. No heap, never throws.
class ReplyWriter {
 public:
  ReplyWriter(MutableBytes buffer, const Query& query, std::size_t limit) noexcept;

  void authoritative() noexcept { flags_ |= header_flag::kAuthoritative; }
  void authentic() noexcept { flags_ |= header_flag::kAuthenticData; }
  /// To another opcode: RA and CD mean something for queries only, and where others define those
  /// bits at all they must be zero (RFC 2136 section 2.2).
  void other_opcode() noexcept {
    flags_ &= static_cast<std::uint16_t>(
        ~(header_flag::kRecursionAvailable | header_flag::kCheckingDisabled));
  }
  void truncated() noexcept { flags_ |= header_flag::kTruncated; }
  void rcode(Rcode rcode) noexcept { rcode_ = rcode; }

  /// Where the qname stands in every reply; an owner for `answer`.
  static constexpr std::size_t kQnameAt = kHeaderSize;

  /// Adds a record to the answer section. Its owner is the name that stands at `owner_at` in the
  /// message. Returns where its rdata stands, which for a CNAME is the owner of the next record.
  std::size_t answer(std::size_t owner_at, Type type, std::uint32_t ttl, Bytes rdata) noexcept {
    return answer(owner_at, type, Class::kIn, ttl, rdata);
  }
  std::size_t answer(std::size_t owner_at, Type type, Class rclass, std::uint32_t ttl,
                     Bytes rdata) noexcept;

  /// The SOA of a negative answer that nxgate owns: the root's, with `ttl` as TTL and as MINIMUM
  /// (RFC 2308 section 5; without it c-ares and others cache nothing).
  void soa(std::uint32_t ttl, std::uint32_t serial) noexcept;

  /// Adds whole sections in wire form, with `answers` and `authorities` records, whose compression
  /// pointers were made for this place in this message. Returns the bytes as they stand in the
  /// message, to be patched there, or none if they did not fit.
  MutableBytes sections(Bytes body, std::uint16_t answers, std::uint16_t authorities) noexcept;

  /// Whether something didn't fit: what is added from here on is lost.
  [[nodiscard]] bool full() const noexcept { return !writer_.ok(); }

  /// Where the next record will stand.
  [[nodiscard]] std::size_t size() const noexcept { return writer_.size(); }

  /// Adds the OPT if the query had one, sets the counts, and returns the size of the message; 0 if
  /// not even the header fitted.
  [[nodiscard]] std::size_t finish(const ReplyEdns& edns) noexcept;

 private:
  void opt(const ReplyEdns& edns, bool with_text) noexcept;
  void patch_header() noexcept;

  MutableBytes buffer_;
  Writer writer_;
  const Query& query_;
  std::uint16_t flags_;
  Rcode rcode_ = Rcode::kNoError;
  std::uint16_t answers_ = 0;
  std::uint16_t authorities_ = 0;
  std::size_t body_at_ = 0;
};

/// Takes AD from a whole reply, of which a part was taken out.
inline void clear_authentic(MutableBytes reply) noexcept {
  reply[3] = static_cast<std::uint8_t>(reply[3] & ~header_flag::kAuthenticData);
}

/// The largest reply this client may get: over UDP what it offers, at most kLargestUdpSize, and
/// kClassicUdpSize without EDNS; over a stream the whole 65535 bytes.
[[nodiscard]] std::size_t reply_limit(const Query& query, bool stream) noexcept;

}  // namespace nxgate::wire
