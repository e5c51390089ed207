#include "wire/query.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "wire/name.h"
#include "wire/reader.h"
#include "wire/types.h"

namespace nxgate::wire {
namespace {

constexpr std::size_t kMostCookie = 40;

/// Reads a COOKIE option; empty if its length is none that RFC 7873 section 4 allows.
std::optional<Cookie> parse_cookie(Bytes data) noexcept {
  Cookie cookie;
  const std::size_t client_size = cookie.client.size();
  if (data.size() != client_size && (data.size() < 2 * client_size || data.size() > kMostCookie)) {
    return std::nullopt;
  }
  std::ranges::copy(data.first(client_size), cookie.client.begin());
  std::ranges::copy(data.subspan(client_size), cookie.server.begin());
  cookie.server_size = static_cast<std::uint8_t>(data.size() - client_size);
  return cookie;
}

/// Reads the options of an OPT record; false if they are malformed.
bool parse_options(Bytes rdata, ClientEdns& edns) noexcept {
  Reader reader(rdata);
  while (reader.ok() && reader.remaining() != 0) {
    const auto code = static_cast<OptionCode>(reader.u16());
    const Bytes data = reader.bytes(reader.u16());
    if (!reader.ok()) return false;
    if (code == OptionCode::kCookie && !edns.cookie) {
      edns.cookie = parse_cookie(data);
      if (!edns.cookie) return false;
    } else if (code == OptionCode::kKeepalive) {
      edns.asks_keepalive = true;
    }
  }
  return reader.ok();
}

/// What the records behind the question came to.
enum class Records : std::uint8_t { kGood, kMalformed, kBadVers };

/// Walks every record behind the question and keeps the OPT; all others are checked for their
/// bounds and ignored, for nothing a client adds may reach an upstream.
Records parse_records(Bytes message, std::size_t offset, std::size_t count, std::size_t additional,
                      Query& query) noexcept {
  bool bad_version = false;
  for (std::size_t i = 0; i < count; ++i) {
    const auto owner = DomainName::parse_compressed(message, offset, &offset);
    if (!owner) return Records::kMalformed;
    Reader reader(message, offset);
    const auto type = Type{reader.u16()};
    const std::uint16_t size = reader.u16();
    const std::uint32_t ttl = reader.u32();
    const Bytes rdata = reader.bytes(reader.u16());
    if (!reader.ok()) return Records::kMalformed;
    offset = reader.offset();
    if (type != Type::kOpt) continue;
    const bool in_additional = i >= count - additional;
    if (query.edns || !in_additional || !owner->is_root()) return Records::kMalformed;
    query.edns.emplace();
    query.edns->udp_size = std::max<std::uint16_t>(size, kClassicUdpSize);
    query.edns->dnssec_ok = (ttl & 0x8000) != 0;
    if ((ttl >> 16 & 0xff) != 0) {
      bad_version = true;  // the options of another version may have another form
    } else if (!parse_options(rdata, *query.edns)) {
      return Records::kMalformed;
    }
  }
  if (offset != message.size()) return Records::kMalformed;
  return bad_version ? Records::kBadVers : Records::kGood;
}

/// Reads one question at the front of what follows the header; true if it is well-formed.
bool parse_question(Bytes message, Query& query) noexcept {
  const Bytes rest = message.subspan(kHeaderSize);
  const auto name = DomainName::parse(rest);
  if (!name) return false;
  Reader reader(rest, name->wire().size());
  const auto type = Type{reader.u16()};
  const auto qclass = Class{reader.u16()};
  if (!reader.ok()) return false;
  query.question = {*name, type, qclass};
  query.question_wire = rest.first(reader.offset());
  return true;
}

}  // namespace

Query parse_query(Bytes message) noexcept {
  Query query;
  Reader header(message);
  const auto [id, flags, questions, answers, authorities, additionals] = header.u16s<6>();
  query.id = id;
  query.flags = flags;
  if (!header.ok() || (query.flags & header_flag::kResponse) != 0) return query;

  const bool has_question = questions == 1 && parse_question(message, query);
  if ((query.flags & header_flag::kOpcodeMask) != 0) {
    query.parsed = Parsed::kNotImp;
    return query;
  }
  query.parsed = Parsed::kFormErr;
  if (questions > 1 || (questions == 1 && !has_question)) return query;

  const std::size_t records = std::size_t{answers} + authorities + additionals;
  switch (parse_records(message, kHeaderSize + query.question_wire.size(), records, additionals,
                        query)) {
    case Records::kMalformed:
      query.edns.reset();
      break;
    case Records::kBadVers:
      query.parsed = Parsed::kBadVers;
      break;
    case Records::kGood:
      if (has_question) query.parsed = Parsed::kQuery;
      if (!has_question && query.edns && query.edns->cookie) query.parsed = Parsed::kCookieOnly;
      break;
  }
  return query;
}

}  // namespace nxgate::wire
