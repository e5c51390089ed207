#include "wire/record_index.h"

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "wire/name.h"
#include "wire/reader.h"
#include "wire/types.h"

namespace nxgate::wire {
namespace {

std::optional<std::uint16_t> find_extended_error(Bytes options) noexcept {
  Reader reader(options);
  while (true) {
    const auto code = OptionCode{reader.u16()};
    const std::uint16_t size = reader.u16();
    const std::uint16_t info = Reader(options, reader.offset()).u16();
    reader.skip(size);
    if (!reader.ok()) return std::nullopt;
    if (code == OptionCode::kEde && size >= 2) return info;
  }
}

}  // namespace

bool RecordIndex::read(Bytes message, std::size_t question_end, Class qclass) noexcept {
  message_ = message;
  constexpr std::size_t kCountsAt = 6;
  Reader counts(message, kCountsAt);
  const std::size_t answers = counts.u16();
  const std::size_t not_additional = answers + counts.u16();
  const std::size_t total = not_additional + counts.u16();
  if (!counts.ok() || total > kMostRecords) return false;
  std::size_t at = question_end;
  for (std::size_t i = 0; i < total; ++i) {
    const std::size_t owner_at = at;
    const auto owner = DomainName::parse_compressed(message, owner_at, &at);
    if (!owner) return false;
    Reader reader(message, at);
    const auto type = Type{reader.u16()};
    const auto rclass = Class{reader.u16()};
    const std::uint32_t ttl = reader.u32();
    const std::uint16_t rdata_size = reader.u16();
    const std::size_t rdata_at = reader.offset();
    reader.skip(rdata_size);
    if (!reader.ok()) return false;
    at = reader.offset();
    if (type == Type::kOpt) {
      if (has_opt_ || i < not_additional || !owner->is_root()) return false;
      has_opt_ = true;
      extended_rcode_ = static_cast<std::uint8_t>(ttl >> 24);
      if (rdata_size != 0)
        extended_error_ = find_extended_error(message.subspan(rdata_at, rdata_size));
    } else if (i < not_additional && rclass == qclass && !is_meta(type)) {
      records_[size_++] = {.owner_hash = hash_of(*owner, process_hash_key()),
                           .ttl = ttl > kLargestTtl ? 0 : ttl,
                           .owner_at = static_cast<std::uint16_t>(owner_at),
                           .rdata_at = static_cast<std::uint16_t>(rdata_at),
                           .rdata_size = rdata_size,
                           .type = type,
                           .authority = i >= answers,
                           .taken = false};
    }
  }
  return at == message.size();
}

bool RecordIndex::owned_by(const IndexedRecord& record, const DomainName& name,
                           std::uint64_t hash) const noexcept {
  return record.owner_hash == hash && owner(record) == name;
}

DomainName RecordIndex::owner(const IndexedRecord& record) const noexcept {
  return DomainName::parse_compressed(message_, record.owner_at, nullptr).value_or(DomainName{});
}

}  // namespace nxgate::wire
