#include "wire/reply.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "wire/query.h"
#include "wire/types.h"
#include "wire/writer.h"

namespace nxgate::wire {
namespace {

constexpr std::uint16_t kEchoed =
    header_flag::kOpcodeMask | header_flag::kRecursionDesired | header_flag::kCheckingDisabled;
constexpr std::size_t kOptFixedSize = 11;
constexpr std::size_t kOptLengthAt = 9;  // of RDLENGTH within an OPT

/// The SOA of negative answers, ready but for its TTL, serial and MINIMUM. MNAME and RNAME name the
/// program, so that whoever looks with dig sees who said no; refresh, retry and expire are 3600,
/// 600 and 86400 seconds.
constexpr std::string_view kSoa(
    "\0\0\6\0\1\0\0\0\0\0\64"
    "\6nxgate\7invalid\0\6nobody\7invalid\0"
    "\0\0\0\0\0\0\x0e\x10\0\0\x02\x58\0\1\x51\x80\0\0\0\0",
    11 + 32 + 20);
constexpr std::size_t kSoaTtlAt = 5;
constexpr std::size_t kSoaSerialAt = 11 + 32;
constexpr std::size_t kSoaMinimumAt = kSoaSerialAt + 16;

/// In network order.
std::array<std::uint8_t, 4> octets(std::uint32_t value) noexcept {
  return {static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
          static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

Bytes as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

void option(Writer& writer, OptionCode code, std::size_t size) noexcept {
  writer.u16(static_cast<std::uint16_t>(code));
  writer.u16(static_cast<std::uint16_t>(size));
}

}  // namespace

std::size_t reply_limit(const Query& query, bool stream) noexcept {
  if (stream) return kLargestMessage;
  if (!query.edns) return kClassicUdpSize;
  return std::min<std::size_t>(query.edns->udp_size, kLargestUdpSize);
}

ReplyWriter::ReplyWriter(MutableBytes buffer, const Query& query, std::size_t limit) noexcept
    : buffer_(buffer.first(std::min(buffer.size(), limit))),
      writer_(buffer_),
      query_(query),
      flags_(static_cast<std::uint16_t>(header_flag::kResponse | header_flag::kRecursionAvailable |
                                        (query.flags & kEchoed))) {
  writer_.skip(kHeaderSize);
  writer_.bytes(query.question_wire);
  body_at_ = writer_.size();
}

std::size_t ReplyWriter::answer(std::size_t owner_at, Type type, Class rclass, std::uint32_t ttl,
                                Bytes rdata) noexcept {
  writer_.u16(static_cast<std::uint16_t>(kPointer | owner_at));
  writer_.u16(static_cast<std::uint16_t>(type));
  writer_.u16(static_cast<std::uint16_t>(rclass));
  writer_.u32(ttl);
  writer_.u16(static_cast<std::uint16_t>(rdata.size()));
  const std::size_t rdata_at = writer_.size();
  writer_.bytes(rdata);
  ++answers_;
  return rdata_at;
}

void ReplyWriter::soa(std::uint32_t ttl, std::uint32_t serial) noexcept {
  std::array<std::uint8_t, kSoa.size()> record;
  std::ranges::copy(kSoa, record.begin());
  std::ranges::copy(octets(ttl), record.begin() + kSoaTtlAt);
  std::ranges::copy(octets(serial), record.begin() + kSoaSerialAt);
  std::ranges::copy(octets(ttl), record.begin() + kSoaMinimumAt);
  writer_.bytes(record);
  if (writer_.ok()) ++authorities_;
}

MutableBytes ReplyWriter::sections(Bytes body, std::uint16_t answers,
                                   std::uint16_t authorities) noexcept {
  const std::size_t start = writer_.size();
  writer_.bytes(body);
  answers_ = static_cast<std::uint16_t>(answers_ + answers);
  authorities_ = static_cast<std::uint16_t>(authorities_ + authorities);
  return buffer_.subspan(start, writer_.size() - start);
}

void ReplyWriter::opt(const ReplyEdns& edns, bool with_text) noexcept {
  const std::size_t start = writer_.size();
  writer_.u8(0);
  writer_.u16(static_cast<std::uint16_t>(Type::kOpt));
  writer_.u16(static_cast<std::uint16_t>(kLargestUdpSize));
  writer_.u8(static_cast<std::uint8_t>(static_cast<std::uint16_t>(rcode_) >> 4));
  writer_.u8(0);
  writer_.u16(query_.dnssec_ok() ? 0x8000 : 0);
  writer_.u16(0);
  if (edns.cookie) {
    option(writer_, OptionCode::kCookie, edns.cookie->size());
    writer_.bytes(*edns.cookie);
  }
  if (edns.keepalive) {
    option(writer_, OptionCode::kKeepalive, 2);
    writer_.u16(*edns.keepalive);
  }
  if (edns.ede) {
    const std::string_view text = with_text ? edns.extra_text : std::string_view{};
    option(writer_, OptionCode::kEde, 2 + text.size());
    writer_.u16(static_cast<std::uint16_t>(*edns.ede));
    writer_.bytes(as_bytes(text));
  }
  writer_.patch_u16(start + kOptLengthAt,
                    static_cast<std::uint16_t>(writer_.size() - start - kOptFixedSize));
}

std::size_t ReplyWriter::finish(const ReplyEdns& edns) noexcept {
  const std::size_t before_opt = writer_.size();
  bool fits = writer_.ok();
  if (fits && query_.edns) {
    opt(edns, true);
    if (!writer_.ok()) {
      writer_.rewind(before_opt);
      opt(edns, false);
    }
    fits = writer_.ok();
  }
  if (!fits) {
    flags_ |= header_flag::kTruncated;
    answers_ = authorities_ = 0;
    writer_.rewind(body_at_);
    if (query_.edns) opt(edns, false);
    if (!writer_.ok()) return 0;
  }
  if (writer_.size() < kHeaderSize) return 0;
  patch_header();
  return writer_.size();
}

void ReplyWriter::patch_header() noexcept {
  const auto flags = static_cast<std::uint16_t>(
      flags_ | (static_cast<std::uint16_t>(rcode_) & header_flag::kRcodeMask));
  const std::uint16_t questions = query_.question_wire.empty() ? 0 : 1;
  const std::uint16_t additionals = query_.edns ? 1 : 0;
  std::array<std::uint8_t, kHeaderSize> header;
  std::uint8_t* at = header.data();
  for (const std::uint16_t word :
       {query_.id, flags, questions, answers_, authorities_, additionals}) {
    *at++ = static_cast<std::uint8_t>(word >> 8);
    *at++ = static_cast<std::uint8_t>(word);
  }
  writer_.patch(0, header);
}

}  // namespace nxgate::wire
