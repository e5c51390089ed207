// What an upstream sent, checked and scrubbed down to what was asked.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "wire/name.h"
#include "wire/record_index.h"
#include "wire/types.h"

namespace nxgate::wire {

/// Why an upstream's message is not an answer to our question.
enum class AnswerFault : std::uint8_t {
  kNotOurs,    ///< QR, opcode, id or question differ: junk or forgery; go on waiting
  kWrongId,    ///< right source and question, wrong id: somebody guesses; ask again over TCP
  kLetters,    ///< right id and question, but for the letter case
  kMalformed,  ///< ours, but broken; a failure of that upstream
  kTruncated,  ///< TC: ask again over TCP
  kRcode,      ///< neither NOERROR nor NXDOMAIN; a failure of that upstream
  kEndless,    ///< a chain that loops, or is longer than kLongestChain
};
[[nodiscard]] std::string_view to_string(AnswerFault fault) noexcept;

/// The most links of a CNAME/DNAME chain that are followed within one answer.
inline constexpr std::size_t kLongestChain = 16;
/// Room for one scrubbed answer; some 70 KiB, made once and used again.
struct ScrubbedAnswer {
  Rcode rcode = Rcode::kNoError;  ///< of the message
  std::uint16_t answers = 0;
  std::uint16_t authorities = 0;
  std::optional<std::uint16_t> extended_error;  ///< of the message, also for kRcode (RFC 8914)
  bool authentic = false;                       ///< AD: the server says that it has validated it
  bool negative = false;                        ///< no RRset of the qtype at the end of the chain
  /// The chain ends at a name of which nothing is said, as of a zone that the server doesn't have.
  bool open = false;
  /// How long the answer may be kept, in seconds: the least TTL of what is in it; for a negative
  /// one min(SOA TTL, MINIMUM), and 0 without an SOA (RFC 2308 section 5), unless it is open.
  std::uint32_t ttl = 0;
  /// The names that the chain leads through, without the qname; they inherit its grant.
  std::array<DomainName, kLongestChain> targets;
  std::size_t target_count = 0;

  /// Answer and authority section, to stand behind a header and this question: owners are pointers
  /// to offset 12 or into the body, names in rdata are uncompressed.
  [[nodiscard]] Bytes body() const noexcept { return {bytes.data(), size}; }
  /// Offsets within `body` of every TTL.
  [[nodiscard]] std::span<const std::uint16_t> ttl_offsets() const noexcept {
    return {offsets.data(), offset_count};
  }

  std::array<std::uint8_t, kLargestMessage> bytes;
  std::size_t size = 0;
  std::array<std::uint16_t, kMostRecords> offsets;
  std::size_t offset_count = 0;
};

/// Whether an answer must have the question's letters as they were sent.
enum class LetterCase : std::uint8_t { kExact = 0, kAny };

/// Checks that `message` answers `sent` (the bytes of our own query, whose id, opcode, question
/// and, with kExact, letter case must be equal), parses all of it strictly, and keeps the
/// CNAME/DNAME chain from the qname, the RRset at its end, and the SOA of a negative answer, if its
/// owner is at or above the end of the chain; with DO also the RRSIGs of these and the NSEC and
/// NSEC3 records that prove a negative or wildcard answer. Everything else is dropped (RFC 2181
/// section 5.4.1). TTLs of one RRset are made equal, the least (RFC 2181 section 5.2); a TTL above
/// kLargestTtl counts as 0. The SOA's TTL is made min(TTL, MINIMUM). Rdata of unknown types stays
/// as it is (RFC 3597).
///
/// Faults are found in this order: identity (kNotOurs, kWrongId, kLetters), TC, rcode, then the
/// records. A header alone that says FORMERR or NOTIMP under our id, as servers without EDNS may
/// send it (RFC 6891 section 7), is kRcode where `sent` has an OPT. NOERROR without anything is a
/// negative answer that can't be kept.
/// `out.rcode` is set for kRcode too. No heap, never throws, no recursion.
[[nodiscard]] std::expected<void, AnswerFault> scrub_answer(Bytes message, Bytes sent,
                                                            LetterCase letters,
                                                            ScrubbedAnswer& out) noexcept;

}  // namespace nxgate::wire
