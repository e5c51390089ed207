#include "wire/joining.h"

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "wire/name.h"
#include "wire/rdata.h"
#include "wire/reader.h"
#include "wire/record_index.h"
#include "wire/types.h"
#include "wire/writer.h"

namespace nxgate::wire {
namespace {

constexpr std::size_t kAuthorityCountAt = 8;

std::optional<std::size_t> question_end_of(Bytes message) noexcept {
  if (message.size() < kHeaderSize) return std::nullopt;
  const auto name = DomainName::parse(message.subspan(kHeaderSize));
  if (!name) return std::nullopt;
  return kHeaderSize + name->wire().size() + 4;
}

/// Appends the records of one section; false if one is malformed.
bool append(Bytes message, RecordIndex& index, bool authority, Writer& out,
            std::uint16_t& count) noexcept {
  for (const IndexedRecord& record : index.records()) {
    if (record.authority != authority) continue;
    out.bytes(index.owner(record).wire());
    out.u16(static_cast<std::uint16_t>(record.type));
    out.u16(static_cast<std::uint16_t>(Class::kIn));
    out.u32(record.ttl);
    const std::size_t size_at = out.size();
    out.u16(0);
    if (!copy_rdata(record.type, {message, record.rdata_at, record.rdata_size}, out)) return false;
    out.patch_u16(size_at, static_cast<std::uint16_t>(out.size() - size_at - 2));
    ++count;
  }
  return out.ok();
}

}  // namespace

std::size_t join_answers(Bytes first, Bytes second, MutableBytes out) noexcept {
  const auto question_end = question_end_of(first);
  const auto second_end = question_end_of(second);
  if (!question_end || !second_end || first.size() < *question_end) return 0;
  Writer writer(out);
  writer.bytes(first.first(*question_end));
  writer.patch(2, second.subspan(2, 2));
  std::uint16_t answers = 0;
  std::uint16_t authorities = 0;
  {
    RecordIndex index;
    if (!index.read(first, *question_end, Class::kIn) ||
        !append(first, index, false, writer, answers)) {
      return 0;
    }
  }
  RecordIndex index;
  if (!index.read(second, *second_end, Class::kIn) ||
      !append(second, index, false, writer, answers) ||
      !append(second, index, true, writer, authorities)) {
    return 0;
  }
  writer.patch_u16(kAnswerCountAt, answers);
  writer.patch_u16(kAuthorityCountAt, authorities);
  writer.patch_u16(kAuthorityCountAt + 2, 0);
  return writer.ok() && answers + authorities <= kMostRecords ? writer.size() : 0;
}

}  // namespace nxgate::wire
