// The records of a received response, found and bounds-checked in one pass.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::wire {

/// The most records of one message that are looked at.
inline constexpr std::size_t kMostRecords = 2048;

/// Where one record stands in its message. Its owner is known by hash until it is compared.
/// Without initialisers, so that an index of mostly unused ones costs nothing to make.
struct IndexedRecord {
  std::uint64_t owner_hash;
  std::uint32_t ttl;  ///< above kLargestTtl read as 0 (RFC 2181 section 8)
  std::uint16_t owner_at;
  std::uint16_t rdata_at;
  std::uint16_t rdata_size;
  Type type;
  bool authority;
  bool taken;  ///< is in the scrubbed answer already
};

/// Answer and authority records of the asked class, and what the OPT said. Some 64 KiB, so that it
/// can stand on a stack; no heap, never throws.
class RecordIndex {
 public:
  /// Reads every record behind the question, the additional ones too: each within bounds, names
  /// with backward pointers, at most one OPT, that with the root as owner and in the additional
  /// section (RFC 6891 section 6.1.1), nothing behind the last record. False if that isn't so or
  /// there are more than kMostRecords.
  [[nodiscard]] bool read(Bytes message, std::size_t question_end, Class qclass) noexcept;

  [[nodiscard]] std::span<IndexedRecord> records() noexcept { return {records_.data(), size_}; }

  /// The upper eight bits of the rcode, 0 without an OPT.
  [[nodiscard]] std::uint8_t extended_rcode() const noexcept { return extended_rcode_; }

  /// The first Extended DNS Error of the OPT (RFC 8914).
  [[nodiscard]] std::optional<std::uint16_t> extended_error() const noexcept {
    return extended_error_;
  }

  /// Whether `record` belongs to `name`, whose hash is `hash`.
  [[nodiscard]] bool owned_by(const IndexedRecord& record, const DomainName& name,
                              std::uint64_t hash) const noexcept;
  [[nodiscard]] DomainName owner(const IndexedRecord& record) const noexcept;

 private:
  Bytes message_;
  std::size_t size_ = 0;
  bool has_opt_ = false;
  std::uint8_t extended_rcode_ = 0;
  std::optional<std::uint16_t> extended_error_;
  std::array<IndexedRecord, kMostRecords> records_;
};

}  // namespace nxgate::wire
