#include "wire/answer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "wire/name.h"
#include "wire/query.h"
#include "wire/reader.h"
#include "wire/record_index.h"
#include "wire/scrubber.h"
#include "wire/types.h"

namespace nxgate::wire {
namespace {

std::optional<Sent> read_sent(Bytes sent) noexcept {
  constexpr std::size_t kOptFlagsAt = 7;
  Sent result;
  const auto name = DomainName::parse_compressed(sent, kHeaderSize, &result.question_end);
  if (!name) return std::nullopt;
  result.name = *name;
  Reader reader(sent, result.question_end);
  result.type = Type{reader.u16()};
  result.qclass = Class{reader.u16()};
  result.question_end = reader.offset();
  if (!reader.ok()) return std::nullopt;
  Reader opt(sent, result.question_end + kOptFlagsAt);
  result.dnssec_ok = (opt.u16() & 0x8000) != 0;
  return result;
}

/// Of questions of one size; their last four bytes are type and class.
bool equal_but_for_letters(Bytes left, Bytes right) noexcept {
  const std::size_t name = left.size() - 4;
  return std::ranges::equal(left.first(name), right.first(name), {}, lower, lower) &&
         std::ranges::equal(left.subspan(name), right.subspan(name));
}

/// A header alone by which a server without EDNS says that it can't read `sent`.
bool is_bare_refusal(Bytes message, Bytes sent) noexcept {
  Reader ours(sent);
  Reader theirs(message);
  const bool same_id = ours.u16() == theirs.u16();
  const std::uint16_t flags = theirs.u16();
  const Rcode rcode{static_cast<std::uint16_t>(flags & header_flag::kRcodeMask)};
  ours.skip(8);
  return message.size() == kHeaderSize && same_id && (flags & header_flag::kResponse) != 0 &&
         theirs.u16() == 0 && (rcode == Rcode::kFormErr || rcode == Rcode::kNotImp) &&
         ours.u16() == 1;
}

/// Whether `message` is the answer to `sent` and to nothing else (RFC 5452 section 9.1).
std::optional<AnswerFault> check_identity(Bytes message, Bytes sent, std::size_t question_end,
                                          LetterCase letters) noexcept {
  if (message.size() < question_end) return AnswerFault::kNotOurs;
  Reader ours(sent);
  Reader theirs(message);
  const bool same_id = ours.u16() == theirs.u16();
  const std::uint16_t flags = theirs.u16();
  const bool response = (flags & header_flag::kResponse) != 0;
  const bool same_opcode = ((flags ^ ours.u16()) & header_flag::kOpcodeMask) == 0;
  const bool one_question = theirs.u16() == 1;
  const Bytes question = sent.subspan(kHeaderSize, question_end - kHeaderSize);
  const Bytes echo = message.subspan(kHeaderSize, question.size());
  if (!response || !same_opcode || !one_question) return AnswerFault::kNotOurs;
  if (std::ranges::equal(question, echo)) {
    return same_id ? std::nullopt : std::optional(AnswerFault::kWrongId);
  }
  if (!same_id || !equal_but_for_letters(question, echo)) return AnswerFault::kNotOurs;
  return letters == LetterCase::kAny ? std::nullopt : std::optional(AnswerFault::kLetters);
}

}  // namespace

std::string_view to_string(AnswerFault fault) noexcept {
  switch (fault) {
    case AnswerFault::kNotOurs:
      return "not ours";
    case AnswerFault::kWrongId:
      return "wrong id";
    case AnswerFault::kLetters:
      return "other letters";
    case AnswerFault::kMalformed:
      return "malformed";
    case AnswerFault::kTruncated:
      return "truncated";
    case AnswerFault::kRcode:
      return "refused";
    case AnswerFault::kEndless:
      return "endless chain";
  }
  return "";
}

std::expected<void, AnswerFault> scrub_answer(Bytes message, Bytes sent, LetterCase letters,
                                              ScrubbedAnswer& out) noexcept {
  out.rcode = Rcode::kNoError;
  out.answers = out.authorities = 0;
  out.extended_error.reset();
  out.authentic = out.negative = out.open = false;
  out.ttl = 0;
  out.target_count = out.size = out.offset_count = 0;
  const auto asked = read_sent(sent);
  if (!asked) return std::unexpected(AnswerFault::kNotOurs);
  if (is_bare_refusal(message, sent)) {
    out.rcode = Rcode{static_cast<std::uint16_t>(message[3] & header_flag::kRcodeMask)};
    return std::unexpected(AnswerFault::kRcode);
  }
  if (const auto fault = check_identity(message, sent, asked->question_end, letters)) {
    return std::unexpected(*fault);
  }
  const std::uint16_t flags = Reader(message, 2).u16();
  if ((flags & header_flag::kTruncated) != 0) return std::unexpected(AnswerFault::kTruncated);
  out.authentic = (flags & header_flag::kAuthenticData) != 0;
  out.rcode = Rcode{static_cast<std::uint16_t>(flags & header_flag::kRcodeMask)};
  const auto has_answer = [&] {
    return out.rcode == Rcode::kNoError || out.rcode == Rcode::kNxDomain;
  };
  RecordIndex index;
  const bool good = index.read(message, asked->question_end, asked->qclass);
  out.extended_error = index.extended_error();
  if (!has_answer()) return std::unexpected(AnswerFault::kRcode);
  if (!good) return std::unexpected(AnswerFault::kMalformed);
  out.rcode = Rcode{static_cast<std::uint16_t>(static_cast<std::uint16_t>(out.rcode) |
                                               index.extended_rcode() << 4)};
  if (!has_answer()) return std::unexpected(AnswerFault::kRcode);
  Scrubber scrubber(message, *asked, index, out);
  if (!scrubber.run()) return std::unexpected(AnswerFault::kMalformed);
  if (scrubber.endless()) return std::unexpected(AnswerFault::kEndless);
  return {};
}

}  // namespace nxgate::wire
