#include "wire/upstream_query.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "wire/query.h"
#include "wire/types.h"
#include "wire/writer.h"

namespace nxgate::wire {
namespace {

constexpr std::uint16_t kDnssecOk = 0x8000;

constexpr bool is_lower_letter(std::uint8_t byte) noexcept { return byte >= 'a' && byte <= 'z'; }

/// Writes the canonical `name`, each letter whose bit is set as a capital. A length byte is at most
/// 63 and so never mistaken for a letter.
void write_name(Bytes name, const std::array<std::uint8_t, 32>& case_bits,
                Writer& writer) noexcept {
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool capital = (case_bits[i / 8] >> i % 8 & 1) != 0 && is_lower_letter(name[i]);
    writer.u8(capital ? static_cast<std::uint8_t>(name[i] ^ 0x20) : name[i]);
  }
}

}  // namespace

std::size_t write_upstream_query(const UpstreamQuery& query, MutableBytes buffer) noexcept {
  Writer writer(buffer);
  writer.u16(query.id);
  std::uint16_t flags = header_flag::kRecursionDesired;
  if (query.checking_disabled) flags |= header_flag::kCheckingDisabled;
  if (query.wants_authentic) flags |= header_flag::kAuthenticData;
  writer.u16(flags);
  writer.u16(1);                   // question
  writer.u16(0);                   // answer
  writer.u16(0);                   // authority
  writer.u16(query.edns ? 1 : 0);  // additional
  write_name(query.question.name.wire(), query.case_bits, writer);
  writer.u16(static_cast<std::uint16_t>(query.question.type));
  writer.u16(static_cast<std::uint16_t>(query.question.qclass));
  if (!query.edns) return writer.ok() ? writer.size() : 0;
  writer.u8(0);  // the OPT's owner, the root
  writer.u16(static_cast<std::uint16_t>(Type::kOpt));
  writer.u16(static_cast<std::uint16_t>(kLargestUdpSize));
  writer.u16(0);  // extended rcode and version
  writer.u16(query.dnssec_ok ? kDnssecOk : 0);
  writer.u16(0);  // no option
  return writer.ok() ? writer.size() : 0;
}

}  // namespace nxgate::wire
