#include "wire/joining.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "wire/name.h"
#include "wire/record_index.h"
#include "wire/types.h"
#include "wire/writer.h"

namespace nxgate::wire {
namespace {

using Message = std::vector<std::uint8_t>;

/// `qname A?`, with one answer, whose owner is a pointer to the question, and a SOA if told so.
Message response(std::string_view qname, Type type, Bytes rdata, std::uint16_t rcode = 0,
                 bool soa = false) {
  Message buffer(600);
  Writer writer(buffer);
  const bool answers = !rdata.empty();
  for (const int word : {0x1234, 0x8180 | rcode, 1, answers ? 1 : 0, soa ? 1 : 0, 0}) {
    writer.u16(static_cast<std::uint16_t>(word));
  }
  writer.bytes(DomainName::from_text(qname)->wire());
  writer.u16(1);
  writer.u16(1);
  if (answers) {
    writer.u16(0xc00c);
    writer.u16(static_cast<std::uint16_t>(type));
    writer.u16(1);
    writer.u32(60);
    writer.u16(static_cast<std::uint16_t>(rdata.size()));
    writer.bytes(rdata);
  }
  if (soa) {
    writer.u16(0xc00c);
    writer.u16(static_cast<std::uint16_t>(Type::kSoa));
    writer.u16(1);
    writer.u32(30);
    writer.u16(22);
    writer.bytes(Message(22, 0));
  }
  buffer.resize(writer.size());
  return buffer;
}

Message joined(const Message& first, const Message& second) {
  Message out(kLargestMessage);
  out.resize(join_answers(first, second, out));
  return out;
}

/// Owner and type of each record, those of the authority section in brackets.
std::vector<std::string> records_of(const Message& message) {
  RecordIndex index;
  std::size_t question_end = 0;
  EXPECT_TRUE(DomainName::parse_compressed(message, kHeaderSize, &question_end));
  EXPECT_TRUE(index.read(message, question_end + 4, Class::kIn));
  std::vector<std::string> all;
  for (const IndexedRecord& record : index.records()) {
    const std::string text = index.owner(record).to_text() + " " + to_string(record.type);
    all.push_back(record.authority ? "(" + text + ")" : text);
  }
  return all;
}

using Records = std::vector<std::string>;

Message alias() {
  const auto target = DomainName::from_text("cdn.test");
  return response("www.example", Type::kCname, target->wire());
}
Message address() { return response("cdn.test", Type::kA, Message{192, 0, 2, 1}); }

TEST(Joining, HasTheQuestionOfTheFirstAndTheRecordsOfBoth) {
  const Message message = joined(alias(), address());
  ASSERT_FALSE(message.empty());
  const std::size_t question_size = DomainName::from_text("www.example")->wire().size() + 4;
  EXPECT_TRUE(std::ranges::equal(Bytes(message).subspan(kHeaderSize, question_size),
                                 Bytes(alias()).subspan(kHeaderSize, question_size)));
  EXPECT_EQ(records_of(message), (Records{"www.example CNAME", "cdn.test A"}));
}

TEST(Joining, EndsAsTheSecondDoes) {
  const Message message = joined(alias(), response("cdn.test", Type::kA, {}, 3, true));
  EXPECT_EQ(records_of(message), (Records{"www.example CNAME", "(cdn.test SOA)"}));
  EXPECT_EQ(message[3] & 15, 3);
}

TEST(Joining, WhatIsBrokenOrDoesNotFitGivesNothing) {
  const Message first = alias();
  const Message second = address();
  for (std::size_t size = 0; size < first.size(); ++size) {
    EXPECT_TRUE(joined({first.begin(), first.begin() + static_cast<long>(size)}, second).empty());
  }
  for (std::size_t size = 0; size < second.size(); ++size) {
    EXPECT_TRUE(joined(first, {second.begin(), second.begin() + static_cast<long>(size)}).empty());
  }
  Message small(joined(first, second).size() - 1);
  EXPECT_EQ(join_answers(first, second, small), 0U);
}

}  // namespace
}  // namespace nxgate::wire
