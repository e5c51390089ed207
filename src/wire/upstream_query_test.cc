#include "wire/upstream_query.h"

#include <array>
#include <string_view>

#include <gtest/gtest.h>

#include "wire/query.h"

namespace nxgate::wire {
namespace {

using Buffer = std::array<std::uint8_t, kLargestUpstreamQuery>;

TEST(UpstreamQuery, IsAWellFormedQuery) {
  UpstreamQuery query{.question = {*DomainName::from_text("www.example"), Type::kA, Class::kIn},
                      .id = 0xabcd};
  query.dnssec_ok = true;
  query.checking_disabled = true;
  Buffer buffer;
  const std::size_t size = write_upstream_query(query, buffer);
  const Query parsed = parse_query(Bytes(buffer).first(size));
  EXPECT_EQ(parsed.parsed, Parsed::kQuery);
  EXPECT_EQ(parsed.id, 0xabcd);
  EXPECT_EQ(parsed.flags, header_flag::kRecursionDesired | header_flag::kCheckingDisabled);
  EXPECT_EQ(parsed.question, query.question);
  EXPECT_TRUE(parsed.dnssec_ok());
  EXPECT_EQ(parsed.edns->udp_size, kLargestUdpSize);
}

TEST(UpstreamQuery, OnlyLettersChangeCase) {
  UpstreamQuery query{
      .question = {*DomainName::from_text("a-z09_[{\\224.mn"), Type::kA, Class::kIn}};
  query.case_bits.fill(0xff);
  Buffer buffer;
  const std::size_t size = write_upstream_query(query, buffer);
  const Bytes qname = Bytes(buffer).subspan(kHeaderSize, query.question.name.wire().size());
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(qname.data()), qname.size()),
            std::string_view("\x09"
                             "A-Z09_[{\xe0\2MN\0",
                             14));
  EXPECT_EQ(parse_query(Bytes(buffer).first(size)).question, query.question);
}

TEST(UpstreamQuery, TheLongestNameFits) {
  DomainName longest;
  const std::array<std::uint8_t, 1> label{'x'};
  while (const auto longer = longest.with_label(label)) longest = *longer;
  const UpstreamQuery query{.question = {longest, Type::kA, Class::kIn}};
  Buffer buffer;
  EXPECT_EQ(write_upstream_query(query, buffer), kLargestUpstreamQuery);
  EXPECT_EQ(write_upstream_query(query, MutableBytes(buffer).first(kLargestUpstreamQuery - 1)), 0U);
}

}  // namespace
}  // namespace nxgate::wire
