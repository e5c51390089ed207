// Throws bytes at the parser of upstream answers. The first byte picks the question; the rest is
// the message, whose id and question are made to match in half of the cases, so that the fuzzer
// needn't guess them.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "wire/answer.h"
#include "wire/joining.h"
#include "wire/reader.h"
#include "wire/record_index.h"
#include "wire/service_targets.h"
#include "wire/upstream_query.h"

namespace {

using namespace nxgate;
using namespace nxgate::wire;

constexpr std::uint16_t kId = 0x1234;

void require(bool holds) {
  if (!holds) std::abort();
}

/// What leaves scrub_answer must parse strictly, with pointers backwards and every TTL where the
/// offsets say.
void check(const ScrubbedAnswer& answer, Bytes head) {
  std::vector<std::uint8_t> message(head.begin(), head.end());
  message.insert(message.end(), answer.body().begin(), answer.body().end());
  require(message.size() <= kLargestMessage);
  std::size_t at = head.size();
  std::size_t records = 0;
  while (at < message.size()) {
    require(DomainName::parse_compressed(message, at, &at).has_value());
    Reader reader(message, at);
    reader.skip(4);
    require(records < answer.offset_count);
    require(head.size() + answer.offsets[records++] == reader.offset());
    require(reader.u32() <= kLargestTtl);
    reader.skip(reader.u16());
    require(reader.ok());
    at = reader.offset();
  }
  require(records == std::size_t{answer.answers} + answer.authorities);
  require(answer.target_count <= kLongestChain);
  require(answer.rcode == Rcode::kNoError || answer.rcode == Rcode::kNxDomain);
}

/// What is joined is a response that can be read, whatever it was made of.
void check_joined(Bytes message) {
  static std::vector<std::uint8_t> out(kLargestMessage);
  const Bytes joined = Bytes(out).first(join_answers(message, message, out));
  if (joined.empty()) return;
  std::size_t question_end = 0;
  require(DomainName::parse_compressed(joined, kHeaderSize, &question_end).has_value());
  RecordIndex index;
  require(index.read(joined, question_end + 4, Class::kIn));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr std::array kTypes{Type::kA,   Type::kCname, Type::kSoa, Type::kMx,
                              Type::kAny, Type::kDname, Type::kSrv, Type::kHttps};
  UpstreamQuery query;
  query.question = {*DomainName::from_text("www.example.com"), kTypes[data[0] & 7], Class::kIn};
  query.id = kId;
  query.dnssec_ok = (data[0] & 8) != 0;
  query.edns = (data[0] & 64) == 0;
  std::array<std::uint8_t, kLargestUpstreamQuery> buffer;
  const Bytes sent = Bytes(buffer).first(write_upstream_query(query, buffer));
  const Bytes head = sent.first(kHeaderSize + query.question.name.wire().size() + 4);

  std::vector<std::uint8_t> message(data + 1, data + size);
  if ((data[0] & 16) == 0 && message.size() >= head.size()) {
    std::ranges::copy(head.first(2), message.begin());
    message[2] = static_cast<std::uint8_t>((message[2] & 2) | 0x80);
    message[4] = 0;
    message[5] = 1;
    std::ranges::copy(head.subspan(kHeaderSize), message.begin() + kHeaderSize);
  }
  static const auto answer = std::make_unique<ScrubbedAnswer>();
  const auto letters = (data[0] & 32) == 0 ? LetterCase::kExact : LetterCase::kAny;
  if (scrub_answer(message, sent, letters, *answer)) {
    check(*answer, head);
    for (const Type type : kTypes) {
      require(service_targets(answer->body(), answer->answers, type).size() <= kMostServiceTargets);
    }
  }
  check_joined(message);
  return 0;
}
