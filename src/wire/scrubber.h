// The part of scrub_answer that follows the chain and writes what is kept.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "wire/answer.h"
#include "wire/name.h"
#include "wire/record_index.h"
#include "wire/types.h"
#include "wire/writer.h"

namespace nxgate::wire {

/// What we asked, read back from the query as it was sent.
struct Sent {
  DomainName name;
  Type type{};
  Class qclass{};
  bool dnssec_ok = false;
  std::size_t question_end = 0;
};

/// Follows the chain through an indexed message and writes what is kept of it.
class Scrubber {
 public:
  Scrubber(Bytes message, const Sent& sent, RecordIndex& index, ScrubbedAnswer& out) noexcept
      : message_(message),
        sent_(sent),
        index_(index),
        out_(out),
        writer_(MutableBytes(out.bytes).first(kLargestMessage - sent.question_end)) {}

  /// False if a kept record is malformed or the whole grows larger than a message.
  [[nodiscard]] bool run() noexcept;

  /// Whether the chain loops or is too long, so that what was written is of no use.
  [[nodiscard]] bool endless() const noexcept { return endless_; }

 private:
  /// The name at the end of the chain so far.
  [[nodiscard]] const DomainName& name() const noexcept {
    return out_.target_count == 0 ? sent_.name : out_.targets[out_.target_count - 1];
  }

  /// Whether `record` is of the RRset of `type`, or with DO one of its signatures.
  [[nodiscard]] bool matches(const IndexedRecord& record, Type type) const noexcept;

  bool take_rrset(const DomainName& owner, Type type, bool authority) noexcept;
  bool follow_link() noexcept;
  void take_dnames(const DomainName& target) noexcept;
  bool take_soa() noexcept;
  void take_proofs() noexcept;

  void take(IndexedRecord& record, const DomainName& owner, std::uint32_t ttl,
            std::size_t rrset_at) noexcept;
  void write_owner(const DomainName& owner) noexcept;
  [[nodiscard]] bool is_duplicate(std::size_t rrset_at, std::size_t record_at,
                                  std::size_t owner_size) const noexcept;

  Bytes message_;
  const Sent& sent_;
  RecordIndex& index_;
  ScrubbedAnswer& out_;
  Writer writer_;
  std::size_t cname_at_ = 0;  ///< in the body, of the rdata of the CNAME written last
  std::array<std::size_t, kLongestChain> target_at_{};  ///< likewise, of the CNAME to each target
  std::uint32_t least_ttl_ = kLargestTtl;
  std::uint16_t count_ = 0;
  bool endless_ = false;
  bool ok_ = true;
};

}  // namespace nxgate::wire
