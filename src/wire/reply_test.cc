#include "wire/reply.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "wire/reader.h"

namespace nxgate::wire {
namespace {

using namespace std::string_literals;

const std::string kPlain = "\x12\x34\1\x10\0\1\0\0\0\0\0\0\3WwW\1x\0\0\1\0\1"s;
const std::string kWithOpt =
    "\x12\x34\1\0\0\1\0\0\0\0\0\1\3WwW\1x\0\0\1\0\1\0\0\x29\x10\0\0\0\x80\0\0\0"s;

Bytes bytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

TEST(ReplyWriter, EchoesIdFlagsAndQuestion) {
  const Query query = parse_query(bytes(kPlain));
  std::array<std::uint8_t, 512> buffer{};
  ReplyWriter writer(buffer, query, buffer.size());
  writer.authoritative();
  writer.rcode(Rcode::kNxDomain);
  writer.soa(10, 7);
  const std::size_t size = writer.finish({});
  Reader header(Bytes(buffer).first(size));
  EXPECT_EQ(header.u16(), 0x1234);
  EXPECT_EQ(header.u16(), 0x8593);  // QR AA RD RA CD, NXDOMAIN
  EXPECT_EQ(header.u16(), 1);
  EXPECT_EQ(header.u16(), 0);
  EXPECT_EQ(header.u16(), 1);
  EXPECT_EQ(header.u16(), 0);
  EXPECT_EQ(std::string(buffer.begin() + 12, buffer.begin() + 23), kPlain.substr(12));
}

TEST(ReplyWriter, OtherOpcodesHaveNeitherRaNorCd) {
  std::string update = kPlain;
  update[2] = 0x29;  // with RD; CD is in the next octet
  const Query query = parse_query(bytes(update));
  std::array<std::uint8_t, 512> buffer{};
  ReplyWriter writer(buffer, query, buffer.size());
  writer.rcode(Rcode::kNotImp);
  writer.other_opcode();
  const std::size_t size = writer.finish({});
  EXPECT_EQ(Reader(Bytes(buffer).first(size), 2).u16(), 0xa904);  // QR, the opcode, RD, NOTIMP
}

TEST(ReplyWriter, SoaCarriesTheTtlTwice) {
  const Query query = parse_query(bytes(kPlain));
  std::array<std::uint8_t, 512> buffer{};
  ReplyWriter writer(buffer, query, buffer.size());
  writer.soa(10, 7);
  const std::size_t size = writer.finish({});
  Reader soa(Bytes(buffer).first(size), kHeaderSize + query.question_wire.size());
  EXPECT_EQ(soa.u8(), 0);
  EXPECT_EQ(Type{soa.u16()}, Type::kSoa);
  soa.skip(2);
  EXPECT_EQ(soa.u32(), 10U);
  EXPECT_EQ(soa.u16(), soa.remaining());
  soa.skip(32);
  EXPECT_EQ(soa.u32(), 7U);
  soa.skip(12);
  EXPECT_EQ(soa.u32(), 10U);
  EXPECT_EQ(soa.remaining(), 0U);
  EXPECT_TRUE(soa.ok());
}

TEST(ReplyWriter, OptIffAsked) {
  std::array<std::uint8_t, 512> buffer{};
  const ReplyEdns edns{.ede = Ede::kBlocked, .extra_text = "why"};
  const Query without = parse_query(bytes(kPlain));
  EXPECT_EQ(ReplyWriter(buffer, without, 512).finish(edns), kPlain.size());
  const Query with = parse_query(bytes(kWithOpt));
  const std::size_t size = ReplyWriter(buffer, with, 512).finish(edns);
  const std::string reply(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
  EXPECT_EQ(reply.substr(23), "\0\0\x29\x04\xd0\0\0\x80\0\0\x09\0\x0f\0\5\0\x0fwhy"s);
}

TEST(ReplyWriter, BadVersIsAnExtendedRcode) {
  std::array<std::uint8_t, 512> buffer{};
  const Query query = parse_query(bytes(kWithOpt));
  ReplyWriter writer(buffer, query, 512);
  writer.rcode(Rcode::kBadVers);
  ASSERT_NE(writer.finish({}), 0U);
  EXPECT_EQ(buffer[3] & 0x0f, 0);
  EXPECT_EQ(buffer[23 + 5], 1);
}

TEST(ReplyWriter, DropsTheTextBeforeItTruncates) {
  const Query query = parse_query(bytes(kWithOpt));
  std::array<std::uint8_t, 512> buffer{};
  const std::string text(100, 't');
  const std::size_t size =
      ReplyWriter(buffer, query, 60).finish({.ede = Ede::kBlocked, .extra_text = text});
  EXPECT_EQ(size, 23U + 11 + 6);
  EXPECT_EQ(buffer[2] & 0x02, 0);
}

TEST(ReplyWriter, TruncatedReplyHasNoRecordButOpt) {
  const Query query = parse_query(bytes(kWithOpt));
  std::array<std::uint8_t, 2048> buffer{};
  ReplyWriter writer(buffer, query, 512);
  const std::array<std::uint8_t, 4> address{1, 2, 3, 4};
  for (int i = 0; i < 100; ++i) writer.answer(ReplyWriter::kQnameAt, Type::kA, 1, address);
  const std::size_t size = writer.finish({});
  EXPECT_EQ(size, 23U + 11);
  EXPECT_EQ(buffer[2] & 0x02, 0x02);
  Reader counts(Bytes(buffer), 6);
  EXPECT_EQ(counts.u16(), 0);
  EXPECT_EQ(counts.u16(), 0);
  EXPECT_EQ(counts.u16(), 1);
}

TEST(ReplyLimit, ClampsWhatTheClientOffers) {
  Query query = parse_query(bytes(kWithOpt));
  EXPECT_EQ(reply_limit(query, false), kLargestUdpSize);
  EXPECT_EQ(reply_limit(query, true), kLargestMessage);
  query.edns->udp_size = 600;
  EXPECT_EQ(reply_limit(query, false), 600U);
  query.edns.reset();
  EXPECT_EQ(reply_limit(query, false), kClassicUdpSize);
}

}  // namespace
}  // namespace nxgate::wire
