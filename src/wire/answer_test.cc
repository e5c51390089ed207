#include "wire/answer.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "wire/reader.h"
#include "wire/upstream_query.h"
#include "wire/writer.h"

namespace nxgate::wire {
namespace {

constexpr std::uint16_t kId = 0x1234;
constexpr std::uint16_t kResponse = 0x8180;

DomainName name(std::string_view text) { return DomainName::from_text(text).value(); }

/// A record of a hand-made message, its rdata given as bytes.
struct Rr {
  std::string owner;
  Type type;
  std::uint32_t ttl;
  std::vector<std::uint8_t> rdata;
  std::uint16_t rclass = 1;
};

std::vector<std::uint8_t> wire_of(std::string_view text) {
  const DomainName parsed = name(text);
  return {parsed.wire().begin(), parsed.wire().end()};
}

std::vector<std::uint8_t> soa_rdata(std::uint32_t minimum) {
  std::vector<std::uint8_t> rdata = wire_of("ns.example");
  for (const std::uint8_t byte : wire_of("hostmaster.example")) rdata.push_back(byte);
  rdata.resize(rdata.size() + 16);
  for (int shift = 24; shift >= 0; shift -= 8) {
    rdata.push_back(static_cast<std::uint8_t>(minimum >> shift));
  }
  return rdata;
}

std::vector<std::uint8_t> rrsig_rdata(Type covered) {
  std::vector<std::uint8_t> rdata(18, 7);
  rdata[0] = static_cast<std::uint8_t>(static_cast<std::uint16_t>(covered) >> 8);
  rdata[1] = static_cast<std::uint8_t>(covered);
  return rdata;
}

class Answer : public testing::Test {
 protected:
  void ask(std::string_view qname, Type type, bool dnssec_ok = false, bool edns = true) {
    UpstreamQuery query{.question = {name(qname), type, Class::kIn}, .id = kId};
    query.dnssec_ok = dnssec_ok;
    query.edns = edns;
    query.case_bits.fill(0x55);
    sent_.resize(kLargestUpstreamQuery);
    sent_.resize(write_upstream_query(query, sent_));
    question_size_ = query.question.name.wire().size() + 4;
  }

  /// A message with the question of `sent_` and these records.
  std::vector<std::uint8_t> reply(const std::vector<Rr>& answers,
                                  const std::vector<Rr>& authorities = {},
                                  const std::vector<Rr>& additionals = {},
                                  std::uint16_t flags = kResponse) {
    std::vector<std::uint8_t> buffer(kLargestMessage);
    Writer writer(buffer);
    writer.u16(kId);
    writer.u16(flags);
    writer.u16(1);
    for (const auto* section : {&answers, &authorities, &additionals}) {
      writer.u16(static_cast<std::uint16_t>(section->size()));
    }
    writer.bytes(Bytes(sent_).subspan(kHeaderSize, question_size_));
    for (const auto* section : {&answers, &authorities, &additionals}) {
      for (const Rr& rr : *section) {
        writer.bytes(wire_of(rr.owner));
        writer.u16(static_cast<std::uint16_t>(rr.type));
        writer.u16(rr.rclass);
        writer.u32(rr.ttl);
        writer.u16(static_cast<std::uint16_t>(rr.rdata.size()));
        writer.bytes(rr.rdata);
      }
    }
    buffer.resize(writer.size());
    return buffer;
  }

  std::expected<void, AnswerFault> scrub(const std::vector<std::uint8_t>& message,
                                         LetterCase letters = LetterCase::kExact) {
    return scrub_answer(message, sent_, letters, *out_);
  }
  AnswerFault fault_of(const std::vector<std::uint8_t>& message) {
    const auto result = scrub(message);
    EXPECT_FALSE(result);
    return result ? AnswerFault{0xff} : result.error();
  }

  /// The scrubbed records as `owner TYPE ttl`, read back from a whole message.
  std::vector<std::string> kept() {
    std::vector<std::uint8_t> message(sent_.begin(),
                                      sent_.begin() + static_cast<long>(12 + question_size_));
    message.insert(message.end(), out_->body().begin(), out_->body().end());
    std::vector<std::string> records;
    std::size_t at = kHeaderSize + question_size_;
    while (at < message.size()) {
      const auto owner = DomainName::parse_compressed(message, at, &at);
      EXPECT_TRUE(owner);
      if (!owner) return records;
      Reader reader(message, at);
      const auto type = Type{reader.u16()};
      reader.skip(2);
      EXPECT_EQ(out_->offsets[records.size()], reader.offset() - kHeaderSize - question_size_);
      records.push_back(owner->to_text() + " " + to_string(type) + " " +
                        std::to_string(reader.u32()));
      reader.skip(reader.u16());
      EXPECT_TRUE(reader.ok());
      at = reader.offset();
    }
    EXPECT_EQ(records.size(), out_->offset_count);
    EXPECT_EQ(records.size(), std::size_t{out_->answers} + out_->authorities);
    return records;
  }

  using Kept = std::vector<std::string>;

  std::vector<std::uint8_t> sent_;
  std::size_t question_size_ = 0;
  std::unique_ptr<ScrubbedAnswer> out_ = std::make_unique<ScrubbedAnswer>();
  const std::vector<std::uint8_t> v4_{192, 0, 2, 1};
  const Rr soa_{"example", Type::kSoa, 900, soa_rdata(60)};
};

TEST_F(Answer, KeepsTheRRsetAndNothingElse) {
  ask("www.example", Type::kA);
  ASSERT_TRUE(scrub(reply({{"WWW.example", Type::kA, 300, v4_},
                           {"other.example", Type::kA, 300, v4_},
                           {"www.example", Type::kTxt, 300, {1, 'x'}}},
                          {{"example", Type::kNs, 5, wire_of("ns.example")}, soa_},
                          {{"ns.example", Type::kA, 300, v4_}})));
  EXPECT_EQ(kept(), Kept{"www.example A 300"});
  EXPECT_EQ(out_->ttl, 300U);
  EXPECT_FALSE(out_->negative);
}

TEST_F(Answer, FollowsAChainInAnyOrder) {
  ask("a.example", Type::kAaaa);
  const std::vector<std::uint8_t> v6(16, 1);
  ASSERT_TRUE(scrub(reply({{"c.test", Type::kAaaa, 50, v6},
                           {"b.example", Type::kCname, 40, wire_of("c.test")},
                           {"a.example", Type::kCname, 60, wire_of("b.example")}})));
  EXPECT_EQ(kept(), (Kept{"a.example CNAME 60", "b.example CNAME 40", "c.test AAAA 50"}));
  ASSERT_EQ(out_->target_count, 2U);
  EXPECT_EQ(out_->targets[0], name("b.example"));
  EXPECT_EQ(out_->targets[1], name("c.test"));
  EXPECT_EQ(out_->ttl, 40U);
  EXPECT_EQ(out_->body()[0], 0xc0);  // owners are pointers
  EXPECT_EQ(out_->body()[1], 12);
}

TEST_F(Answer, CnameQuestionGetsJustTheCname) {
  ask("a.example", Type::kCname);
  ASSERT_TRUE(scrub(reply({{"a.example", Type::kCname, 60, wire_of("b.example")},
                           {"b.example", Type::kCname, 60, wire_of("c.example")}})));
  EXPECT_EQ(kept(), Kept{"a.example CNAME 60"});
  EXPECT_EQ(out_->target_count, 0U);
}

TEST_F(Answer, KeepsADnameWithItsCname) {
  ask("x.old.example", Type::kA);
  ASSERT_TRUE(scrub(reply({{"old.example", Type::kDname, 70, wire_of("new.test")},
                           {"test", Type::kDname, 70, wire_of("evil.test")},
                           {"x.old.example", Type::kCname, 70, wire_of("x.new.test")},
                           {"x.new.test", Type::kA, 70, v4_}})));
  EXPECT_EQ(kept(), (Kept{"old.example DNAME 70", "x.old.example CNAME 70", "x.new.test A 70"}));
}

TEST_F(Answer, LoopsAndLongChainsAreFaults) {
  ask("a.example", Type::kA);
  EXPECT_EQ(fault_of(reply({{"a.example", Type::kCname, 60, wire_of("b.example")},
                            {"b.example", Type::kCname, 60, wire_of("a.example")}})),
            AnswerFault::kEndless);

  ask("n0", Type::kA);
  std::vector<Rr> chain;
  for (std::size_t i = 0; i < kLongestChain; ++i) {
    chain.push_back(
        {"n" + std::to_string(i), Type::kCname, 60, wire_of("n" + std::to_string(i + 1))});
  }
  ASSERT_TRUE(scrub(reply(chain)));
  EXPECT_TRUE(out_->open);
  chain.push_back({"n16", Type::kA, 60, v4_});
  ASSERT_TRUE(scrub(reply(chain)));
  EXPECT_FALSE(out_->open);
  chain.back() = {"n16", Type::kCname, 60, wire_of("n17")};
  EXPECT_EQ(fault_of(reply(chain)), AnswerFault::kEndless);
}

TEST_F(Answer, AChainIsOpenIfNothingIsSaidOfItsEnd) {
  ask("www.example", Type::kA);
  const Rr alias{"www.example", Type::kCname, 60, wire_of("cdn.test")};
  ASSERT_TRUE(scrub(reply({alias})));
  EXPECT_TRUE(out_->open && out_->negative);
  EXPECT_EQ(out_->ttl, 60U) << "the alias itself is known for so long";
  ASSERT_TRUE(scrub(reply({alias}, {{"test", Type::kSoa, 60, soa_rdata(60)}})));
  EXPECT_FALSE(out_->open) << "it has no such record";
  ASSERT_TRUE(scrub(reply({alias}, {{"test", Type::kSoa, 60, soa_rdata(60)}}, {}, kResponse | 3)));
  EXPECT_FALSE(out_->open);
  ASSERT_TRUE(scrub(reply({alias}, {}, {}, kResponse | 3)));
  EXPECT_FALSE(out_->open);
  ASSERT_TRUE(scrub(reply({alias, {"cdn.test", Type::kA, 60, v4_}})));
  EXPECT_FALSE(out_->open);
  ask("www.example", Type::kCname);
  ASSERT_TRUE(scrub(reply({alias})));
  EXPECT_FALSE(out_->open);
}

TEST_F(Answer, NegativeTtlIsTheLeastOfSoaAndMinimum) {
  ask("no.example", Type::kA);
  ASSERT_TRUE(scrub(reply({}, {soa_}, {}, kResponse | 3)));
  EXPECT_EQ(kept(), Kept{"example SOA 60"});
  EXPECT_EQ(out_->rcode, Rcode::kNxDomain);
  EXPECT_TRUE(out_->negative);
  EXPECT_EQ(out_->ttl, 60U);
  ASSERT_TRUE(scrub(reply({}, {{"example", Type::kSoa, 30, soa_rdata(60)}})));
  EXPECT_EQ(out_->rcode, Rcode::kNoError);
  EXPECT_EQ(out_->ttl, 30U);
}

TEST_F(Answer, NegativeEndOfAChainTakesTheLeastOfAll) {
  ask("a.example", Type::kA);
  const Rr link{"a.example", Type::kCname, 20, wire_of("b.test")};
  ASSERT_TRUE(scrub(reply({link}, {{"test", Type::kSoa, 900, soa_rdata(60)}}, {}, kResponse | 3)));
  EXPECT_EQ(kept(), (Kept{"a.example CNAME 20", "test SOA 60"}));
  EXPECT_EQ(out_->ttl, 20U);
  ASSERT_TRUE(scrub(reply({link}, {soa_}, {}, kResponse | 3)));  // not above b.test
  EXPECT_EQ(kept(), Kept{"a.example CNAME 20"});
  EXPECT_EQ(out_->ttl, 0U);
}

TEST_F(Answer, NothingAtAllIsNegativeAndNotKept) {
  ask("www.example", Type::kA);
  ASSERT_TRUE(scrub(reply({}, {{"example", Type::kNs, 900, wire_of("ns.example")}})));
  EXPECT_TRUE(out_->negative);
  EXPECT_EQ(out_->ttl, 0U);
  EXPECT_EQ(out_->size, 0U);
}

TEST_F(Answer, TtlsOfAnRRsetAreMadeEqualAndDuplicatesDropped) {
  ask("www.example", Type::kA);
  ASSERT_TRUE(scrub(reply({{"www.example", Type::kA, 300, v4_},
                           {"www.example", Type::kA, 200, {192, 0, 2, 2}},
                           {"www.example", Type::kA, 100, v4_}})));
  EXPECT_EQ(kept(), (Kept{"www.example A 100", "www.example A 100"}));
  ASSERT_TRUE(scrub(reply({{"www.example", Type::kA, 0x80000000, v4_}})));
  EXPECT_EQ(kept(), Kept{"www.example A 0"});
  EXPECT_EQ(out_->ttl, 0U);
}

TEST_F(Answer, OtherClassesAreDropped) {
  ask("www.example", Type::kA);
  ASSERT_TRUE(scrub(reply({{"www.example", Type::kA, 300, v4_, 3}})));
  EXPECT_TRUE(out_->negative);
}

TEST_F(Answer, SignaturesAndProofsOnlyWithDo) {
  const Rr address{"www.example", Type::kA, 300, v4_};
  const Rr signature{"www.example", Type::kRrsig, 300, rrsig_rdata(Type::kA)};
  const Rr unrelated{"www.example", Type::kRrsig, 300, rrsig_rdata(Type::kMx)};
  const Rr proof{"v.example", Type::kNsec, 60, {0, 0, 1, 0x40}};
  const Rr proof_signature{"v.example", Type::kRrsig, 60, rrsig_rdata(Type::kNsec)};
  ask("www.example", Type::kA);
  ASSERT_TRUE(scrub(reply({address, signature})));
  EXPECT_EQ(kept(), Kept{"www.example A 300"});
  ASSERT_TRUE(scrub(reply({}, {soa_, proof}, {}, kResponse | 3)));
  EXPECT_EQ(kept(), Kept{"example SOA 60"});

  ask("www.example", Type::kA, true);
  ASSERT_TRUE(scrub(reply({signature, unrelated, address})));
  EXPECT_EQ(kept(), (Kept{"www.example RRSIG 300", "www.example A 300"}));
  ASSERT_TRUE(scrub(reply({}, {proof, proof_signature, soa_}, {}, kResponse | 3)));
  EXPECT_EQ(kept(), (Kept{"example SOA 60", "v.example NSEC 60", "v.example RRSIG 60"}));
  EXPECT_EQ(out_->authorities, 3);
}

TEST_F(Answer, OnlyOurOwnMessageCounts) {
  ask("www.example", Type::kA);
  const auto good = reply({{"www.example", Type::kA, 300, v4_}});
  auto other_id = good;
  other_id[1] ^= 1;
  EXPECT_EQ(fault_of(other_id), AnswerFault::kWrongId);
  auto other_case = good;
  other_case[kHeaderSize + 1] ^= 0x20;
  EXPECT_EQ(fault_of(other_case), AnswerFault::kLetters);
  EXPECT_TRUE(scrub(other_case, LetterCase::kAny));
  auto other_type = good;
  other_type[kHeaderSize + question_size_ - 3] ^= 0x20;
  EXPECT_EQ(fault_of(other_type), AnswerFault::kNotOurs);
  EXPECT_FALSE(scrub(other_type, LetterCase::kAny)) << "a type has no letters";
  other_case[1] ^= 1;
  EXPECT_EQ(fault_of(other_case), AnswerFault::kNotOurs);
  auto query = good;
  query[2] &= 0x7f;
  EXPECT_EQ(fault_of(query), AnswerFault::kNotOurs);
  auto notify = good;
  notify[2] |= 0x20;
  EXPECT_EQ(fault_of(notify), AnswerFault::kNotOurs);
  auto no_question = good;
  no_question[5] = 0;
  EXPECT_EQ(fault_of(no_question), AnswerFault::kNotOurs);
  for (std::size_t size = 0; size < kHeaderSize + question_size_; ++size) {
    EXPECT_EQ(fault_of({good.begin(), good.begin() + static_cast<long>(size)}),
              AnswerFault::kNotOurs);
  }
  EXPECT_EQ(fault_of(reply({}, {}, {}, kResponse | 0x200 | 2)), AnswerFault::kTruncated);
  EXPECT_EQ(fault_of(reply({}, {}, {}, kResponse | 2)), AnswerFault::kRcode);
  EXPECT_EQ(out_->rcode, Rcode::kServFail);
}

TEST_F(Answer, AHeaderThatRefusesAnOptCountsWhereOneWasSent) {
  for (const std::uint16_t rcode : {std::uint16_t{1}, std::uint16_t{4}, std::uint16_t{5}}) {
    ask("www.example", Type::kA);
    auto header = reply({}, {}, {}, static_cast<std::uint16_t>(kResponse | rcode));
    header.resize(kHeaderSize);
    EXPECT_EQ(fault_of(header), AnswerFault::kNotOurs) << "it has no question, but says one";
    header[5] = 0;
    EXPECT_EQ(fault_of(header), rcode == 5 ? AnswerFault::kNotOurs : AnswerFault::kRcode);
    ask("www.example", Type::kA, false, false);
    EXPECT_EQ(fault_of(header), AnswerFault::kNotOurs);
    header[1] ^= 1;
    EXPECT_EQ(fault_of(header), AnswerFault::kNotOurs);
  }
}

TEST_F(Answer, EveryCutAndEveryTailIsMalformed) {
  ask("www.example", Type::kA);
  auto good = reply({{"www.example", Type::kA, 300, v4_}}, {}, {{".", Type::kOpt, 0, {}, 1232}});
  ASSERT_TRUE(scrub(good));
  for (std::size_t size = kHeaderSize + question_size_; size < good.size(); ++size) {
    EXPECT_EQ(fault_of({good.begin(), good.begin() + static_cast<long>(size)}),
              AnswerFault::kMalformed);
  }
  good.push_back(0);
  EXPECT_EQ(fault_of(good), AnswerFault::kMalformed);
}

TEST_F(Answer, TheExtendedErrorIsRead) {
  ask("www.example", Type::kA);
  const auto opt = [](std::vector<std::uint8_t> options) {
    return std::vector<Rr>{{".", Type::kOpt, 0, std::move(options), 1232}};
  };
  const auto said = [&](const std::vector<std::uint8_t>& options, std::uint16_t flags) {
    (void)scrub(reply({}, {{"example", Type::kSoa, 60, soa_rdata(60)}}, opt(options), flags));
    return out_->extended_error;
  };
  // A cookie before it, its text behind it.
  EXPECT_EQ(said({0, 10, 0, 2, 7, 7, 0, 15, 0, 4, 0, 22, 'n', 'o'}, kResponse | 2), 22);
  EXPECT_EQ(said({0, 15, 0, 2, 0, 15}, kResponse | 3), 15);
  EXPECT_EQ(said({0, 15, 0, 2, 0, 3}, kResponse), 3);
  EXPECT_EQ(said({}, kResponse), std::nullopt);
  EXPECT_EQ(said({0, 15, 0, 1, 0}, kResponse | 2), std::nullopt);
  EXPECT_EQ(said({0, 10, 0, 9, 0}, kResponse | 2), std::nullopt);
  EXPECT_EQ(name_of_extended_error(22), "No Reachable Authority");
  EXPECT_EQ(name_of_extended_error(1000), "");
}

TEST_F(Answer, OptIsCheckedAndItsRcodeCounts) {
  ask("www.example", Type::kA);
  const Rr opt{".", Type::kOpt, 0, {}, 1232};
  EXPECT_EQ(fault_of(reply({}, {}, {opt, opt})), AnswerFault::kMalformed);
  EXPECT_EQ(fault_of(reply({opt})), AnswerFault::kMalformed);
  EXPECT_EQ(fault_of(reply({}, {}, {{"a", Type::kOpt, 0, {}, 1232}})), AnswerFault::kMalformed);
  EXPECT_EQ(fault_of(reply({}, {}, {{".", Type::kOpt, 1U << 24, {}, 1232}})), AnswerFault::kRcode);
  EXPECT_EQ(out_->rcode, Rcode::kBadVers);
}

TEST_F(Answer, BrokenRdataOfWhatIsKeptIsMalformed) {
  ask("www.example", Type::kA);
  EXPECT_EQ(fault_of(reply({{"www.example", Type::kA, 300, {1, 2, 3}}})), AnswerFault::kMalformed);
  EXPECT_EQ(fault_of(reply({{"www.example", Type::kCname, 300, {0xc0, 0xff}}})),
            AnswerFault::kMalformed);
  EXPECT_EQ(fault_of(reply({{"www.example", Type::kCname, 300, {1, 'x', 0, 0}}})),
            AnswerFault::kMalformed);
  EXPECT_EQ(fault_of(reply({{"www.example", Type::kA, 300, v4_}}, {}, {}, kResponse | 3)),
            AnswerFault::kMalformed);
}

TEST_F(Answer, ExpansionBeyondAMessageIsMalformed) {
  const std::string qname =
      std::string(60, 'a') + "." + std::string(60, 'b') + "." + std::string(60, 'c') + ".example";
  ask(qname, Type::kMx);
  std::vector<Rr> many;
  for (int i = 0; i < 250; ++i) {
    many.push_back({qname, Type::kMx, 300, {0, static_cast<std::uint8_t>(i), 0xc0, 12}});
  }
  EXPECT_EQ(scrub(reply(many)).has_value(), true);
  ask(qname, Type::kSoa);
  many.clear();
  for (int i = 0; i < 250; ++i) {
    many.push_back({qname, Type::kSoa, 300, {0xc0, 12, 0xc0, 12}});
    many.back().rdata.resize(24, static_cast<std::uint8_t>(i));
  }
  EXPECT_EQ(fault_of(reply(many)), AnswerFault::kMalformed);
}

TEST_F(Answer, TargetsBeyondThePointersReachAreWrittenOut) {
  // A DNAME RRset before it pushes the second CNAME's target beyond 14 bits.
  ask("x.d", Type::kA);
  std::vector<Rr> records;
  for (int i = 0; i < 90; ++i) {
    const std::string filler = std::string(62, 'f') + "." + std::string(62, 'g') + "." +
                               std::string(60, static_cast<char>('a' + i % 26)) + std::to_string(i);
    records.push_back({"d", Type::kDname, 9, wire_of(filler)});
  }
  records.push_back({"d", Type::kDname, 9, wire_of("e")});
  records.push_back({"x.d", Type::kCname, 9, wire_of("x.e")});
  records.push_back({"x.e", Type::kA, 9, v4_});
  ASSERT_TRUE(scrub(reply(records)));
  EXPECT_GT(out_->size, 0x4000U);
  EXPECT_EQ(kept().back(), "x.e A 9");
  EXPECT_EQ(kept().size(), 93U);
}

TEST_F(Answer, QuestionCaseDoesNotLeakIntoRdata) {
  ask("www.example", Type::kCname);
  // 3web plus a pointer to `example` within the question, which was sent in mixed case.
  ASSERT_TRUE(scrub(reply({{"www.example", Type::kCname, 9, {3, 'W', 'e', 'b', 0xc0, 16}}})));
  const Bytes rdata = out_->body().last(13);
  EXPECT_EQ(std::string(rdata.begin(), rdata.end()), std::string("\3Web\7example\0", 13));
}

}  // namespace
}  // namespace nxgate::wire
