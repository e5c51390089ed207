#include "wire/query.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace nxgate::wire {
namespace {

using namespace std::string_literals;
using Packet = std::vector<std::uint8_t>;

/// A message from its header words and its body.
Packet packet(std::uint16_t flags, std::array<std::uint16_t, 4> counts, const std::string& body) {
  Packet out{0x12, 0x34, static_cast<std::uint8_t>(flags >> 8), static_cast<std::uint8_t>(flags)};
  for (const std::uint16_t count : counts) {
    out.push_back(static_cast<std::uint8_t>(count >> 8));
    out.push_back(static_cast<std::uint8_t>(count));
  }
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

const std::string kQuestion = "\3WWW\7example\0\0\1\0\1"s;
const std::string kOpt = "\0\0\x29\x04\xd0\0\0\x80\0\0\0"s;

TEST(ParseQuery, ReadsAPlainQuestion) {
  const Packet message = packet(0x0100, {1, 0, 0, 0}, kQuestion);
  const Query query = parse_query(message);
  EXPECT_EQ(query.parsed, Parsed::kQuery);
  EXPECT_EQ(query.id, 0x1234);
  EXPECT_EQ(query.question.name.to_text(), "www.example");
  EXPECT_EQ(query.question.type, Type::kA);
  EXPECT_EQ(query.question.qclass, Class::kIn);
  EXPECT_EQ(std::string(query.question_wire.begin(), query.question_wire.end()), kQuestion);
  EXPECT_FALSE(query.edns);
}

TEST(ParseQuery, NeverLooksAtAResponseOrAFragment) {
  EXPECT_EQ(parse_query(packet(0x8180, {1, 0, 0, 0}, kQuestion)).parsed, Parsed::kDrop);
  const Packet whole = packet(0x0100, {1, 0, 0, 0}, kQuestion);
  for (std::size_t size = 0; size < kHeaderSize; ++size) {
    EXPECT_EQ(parse_query(Bytes(whole).first(size)).parsed, Parsed::kDrop) << size;
  }
  for (std::size_t size = kHeaderSize; size < whole.size(); ++size) {
    EXPECT_EQ(parse_query(Bytes(whole).first(size)).parsed, Parsed::kFormErr) << size;
  }
}

TEST(ParseQuery, ReadsOpt) {
  const Query query = parse_query(packet(0, {1, 0, 0, 1}, kQuestion + kOpt));
  ASSERT_EQ(query.parsed, Parsed::kQuery);
  ASSERT_TRUE(query.edns);
  EXPECT_EQ(query.edns->udp_size, 1232);
  EXPECT_TRUE(query.edns->dnssec_ok);
}

TEST(ParseQuery, OfferBelow512CountsAs512) {
  const Query query = parse_query(packet(0, {1, 0, 0, 1}, kQuestion + "\0\0\x29\0\1\0\0\0\0\0\0"s));
  EXPECT_EQ(query.edns->udp_size, 512);
}

TEST(ParseQuery, ReadsCookieAndKeepaliveAndIgnoresUnknownOptions) {
  const std::string options =
      "\0\x0a\0\x08"
      "12345678"
      "\0\x0b\0\0"
      "\xfd\xe9\0\1x"s;
  const std::string opt =
      "\0\0\x29\x04\xd0\0\0\0\0\0"s + static_cast<char>(options.size()) + options;
  const Query query = parse_query(packet(0, {1, 0, 0, 1}, kQuestion + opt));
  ASSERT_EQ(query.parsed, Parsed::kQuery);
  ASSERT_TRUE(query.edns->cookie);
  EXPECT_EQ(query.edns->cookie->client[7], '8');
  EXPECT_EQ(query.edns->cookie->server_size, 0);
  EXPECT_TRUE(query.edns->asks_keepalive);
}

TEST(ParseQuery, CookieOfAForbiddenLengthIsFormErr) {
  for (const std::size_t size : {0U, 7U, 9U, 15U, 41U}) {
    const std::string options = "\0\x0a\0"s + static_cast<char>(size) + std::string(size, 'c');
    const std::string opt =
        "\0\0\x29\x04\xd0\0\0\0\0\0"s + static_cast<char>(options.size()) + options;
    EXPECT_EQ(parse_query(packet(0, {1, 0, 0, 1}, kQuestion + opt)).parsed, Parsed::kFormErr)
        << size;
  }
}

struct Case {
  const char* what;
  std::uint16_t flags;
  std::array<std::uint16_t, 4> counts;
  std::string body;
  Parsed expected;
};

TEST(ParseQuery, EachBrokenMessageGetsItsOwnVerdict) {
  const std::vector<Case> cases{
      {"two questions", 0, {2, 0, 0, 0}, kQuestion + kQuestion, Parsed::kFormErr},
      {"no question", 0, {0, 0, 0, 0}, "", Parsed::kFormErr},
      {"question missing", 0, {1, 0, 0, 0}, "", Parsed::kFormErr},
      {"pointer in the question", 0, {1, 0, 0, 0}, "\xc0\x0c\0\1\0\1"s, Parsed::kFormErr},
      {"trailing bytes", 0, {1, 0, 0, 0}, kQuestion + "x", Parsed::kFormErr},
      {"counted record missing", 0, {1, 0, 0, 1}, kQuestion, Parsed::kFormErr},
      {"two OPTs", 0, {1, 0, 0, 2}, kQuestion + kOpt + kOpt, Parsed::kFormErr},
      {"OPT in the answer section", 0, {1, 1, 0, 0}, kQuestion + kOpt, Parsed::kFormErr},
      {"OPT with an owner", 0, {1, 0, 0, 1}, kQuestion + "\1a" + kOpt, Parsed::kFormErr},
      {"option longer than OPT",
       0,
       {1, 0, 0, 1},
       kQuestion + "\0\0\x29\x04\xd0\0\0\0\0\0\4\0\x0f\0\1"s,
       Parsed::kFormErr},
      {"rdata longer than message",
       0,
       {1, 0, 0, 1},
       kQuestion + "\0\0\x29\x04\xd0\0\0\0\0\0\4"s,
       Parsed::kFormErr},
      {"EDNS version 1",
       0,
       {1, 0, 0, 1},
       kQuestion + "\0\0\x29\x04\xd0\0\1\0\0\0\0"s,
       Parsed::kBadVers},
      {"UPDATE", 0x2800, {1, 0, 0, 0}, kQuestion, Parsed::kNotImp},
      {"unknown opcode, unknown form", 0x7800, {9, 9, 9, 9}, "x", Parsed::kNotImp},
      {"cookie only",
       0,
       {0, 0, 0, 1},
       "\0\0\x29\x04\xd0\0\0\0\0\0\x0c\0\x0a\0\x08"
       "12345678"s,
       Parsed::kCookieOnly},
      {"a harmless record in front of OPT",
       0,
       {1, 0, 0, 2},
       kQuestion + "\xc0\x0c\0\1\0\1\0\0\0\0\0\4abcd"s + kOpt,
       Parsed::kQuery},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(parse_query(packet(each.flags, each.counts, each.body)).parsed, each.expected)
        << each.what;
  }
}

}  // namespace
}  // namespace nxgate::wire
