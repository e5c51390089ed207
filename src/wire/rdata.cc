#include "wire/rdata.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "wire/name.h"
#include "wire/reader.h"
#include "wire/types.h"
#include "wire/writer.h"

namespace nxgate::wire {
namespace {

struct Layout {
  std::uint16_t type;
  std::string_view fields;
};

// The types of RFC 3597 section 4 whose names may come compressed, and the two addresses, whose
// length is fixed.
constexpr auto kLayouts = std::to_array<Layout>({
    {1, "4"},           // A
    {2, "n"},           // NS
    {3, "n"},           // MD
    {4, "n"},           // MF
    {5, "n"},           // CNAME
    {6, "nn44444"},     // SOA
    {7, "n"},           // MB
    {8, "n"},           // MG
    {9, "n"},           // MR
    {12, "n"},          // PTR
    {14, "nn"},         // MINFO
    {15, "2n"},         // MX
    {17, "nn"},         // RP
    {18, "2n"},         // AFSDB
    {21, "2n"},         // RT
    {24, "2114442n*"},  // SIG
    {26, "2nn"},        // PX
    {28, "88"},         // AAAA
    {30, "n*"},         // NXT
    {33, "222n"},       // SRV
    {35, "22sssn"},     // NAPTR
    {36, "2n"},         // KX
    {39, "n"},          // DNAME
});

/// Writes the name at `at` without its pointers. The name has been checked by
/// DomainName::parse_compressed, so it ends, and every byte of it is there.
void write_name(const RdataAt& rdata, std::size_t at, Writer& out) noexcept {
  const Bytes message = rdata.message;
  while (true) {
    const std::uint8_t length = message[at];
    if (length >= kPointerBits) {
      at = static_cast<std::size_t>(length & 0x3f) << 8 | message[at + 1];
      continue;
    }
    out.u8(length);
    if (length == 0) return;
    const Bytes label = message.subspan(at + 1, length);
    for (const std::uint8_t byte : label) out.u8(at < rdata.question_end ? lower(byte) : byte);
    at += 1U + length;
  }
}

}  // namespace

std::string_view rdata_layout(Type type) noexcept {
  const auto number = static_cast<std::uint16_t>(type);
  const auto found = std::ranges::lower_bound(kLayouts, number, {}, &Layout::type);
  return found != kLayouts.end() && found->type == number ? found->fields : std::string_view{};
}

bool copy_rdata(Type type, const RdataAt& rdata, Writer& out) noexcept {
  const std::size_t end = rdata.offset + rdata.size;
  if (end > rdata.message.size()) return false;
  const Bytes message = rdata.message.first(end);
  const std::string_view layout = rdata_layout(type);
  std::size_t at = rdata.offset;
  for (const char field : layout.empty() ? std::string_view("*") : layout) {
    if (field == 'n') {
      const std::size_t start = at;
      if (!DomainName::parse_compressed(message, start, &at)) return false;
      write_name(rdata, start, out);
      continue;
    }
    Reader reader(message, at);
    if (field == '*') {
      out.bytes(reader.bytes(reader.remaining()));
    } else if (field == 's') {
      const std::uint8_t length = reader.u8();
      out.u8(length);
      out.bytes(reader.bytes(length));
    } else {
      out.bytes(reader.bytes(static_cast<std::size_t>(field - '0')));
    }
    if (!reader.ok()) return false;
    at = reader.offset();
  }
  return at == end && out.ok();
}

}  // namespace nxgate::wire
