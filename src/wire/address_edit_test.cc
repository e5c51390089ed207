#include "wire/address_edit.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/name.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace nxgate::wire {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::IsEmpty;

using Texts = std::vector<std::string>;

/// A number of two bytes, as it stands in a message.
std::string two(std::size_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number)};
}

/// The bytes of addresses, one behind the other.
std::string ip(const Texts& texts) {
  std::string bytes;
  for (const std::string& text : texts) {
    const auto address = IpAddress::parse(text).value();
    bytes.append(address.bytes().begin(), address.bytes().end());
  }
  return bytes;
}

std::string mapped(std::string_view text) {
  return std::string(10, '\0') + "\xff\xff" + ip({std::string(text)});
}

std::string param(std::uint16_t key, const std::string& value) {
  return two(key) + two(value.size()) + value;
}

std::string svcb(const std::string& params) { return two(1) + "\1t\0"s + params; }

std::string rrsig(Type covered) {
  return two(static_cast<std::uint16_t>(covered)) + std::string(20, '\7');
}

const std::string kQname = "\xc0\x0c";

struct Rr {
  Type type;
  std::string rdata;
  std::uint32_t ttl = 60;
  std::string owner = kQname;
  std::uint16_t rclass = 1;
};

/// Where the first record stands: behind `a.b` and its type and class.
constexpr std::size_t kAnswersAt = kHeaderSize + 5 + 4;

const std::string kSoa = "\0\0\6\0\1\0\0\xff\xff\0\26\0\0"s + std::string(20, '\1');
const std::string kOpt = "\0\0\x29\4\xd0\0\0\0\0\0\0"s;

class EditAddresses : public testing::Test {
 protected:
  /// Makes a reply with `records` as answers, an SOA and an OPT, and edits it.
  std::size_t edit(const std::vector<Rr>& records) {
    message_ = "\x12\x34\x81\x80\0\1"s + two(records.size()) + "\0\1\0\1\1a\1b\0\0\1\0\1"s;
    for (const Rr& rr : records) {
      message_ += rr.owner + two(static_cast<std::uint16_t>(rr.type)) + two(rr.rclass) +
                  two(rr.ttl >> 16) + two(rr.ttl & 0xffff) + two(rr.rdata.size()) + rr.rdata;
    }
    message_ += kSoa + kOpt;
    return edit_message();
  }

  std::size_t edit_message() {
    std::vector<Prefix> never;
    for (const std::string& text : never_) never.push_back(Prefix::parse(text).value());
    edit_.never = never;
    const EditedReply edited = edit_addresses(
        {reinterpret_cast<std::uint8_t*>(message_.data()), message_.size()}, edit_, found_);
    cut_ = edited.cut;
    message_.resize(edited.size);
    return edited.size;
  }

  /// The answers that are left, as `TYPE ttl`, their rdata in `rdata_`; that SOA and OPT stand
  /// behind them untouched is expected of every message.
  Texts left() {
    Texts texts;
    rdata_.clear();
    const Bytes message(reinterpret_cast<const std::uint8_t*>(message_.data()), message_.size());
    const std::size_t answers = Reader(message, 6).u16();
    std::size_t at = kAnswersAt;
    for (std::size_t i = 0; i < answers; ++i) {
      EXPECT_TRUE(DomainName::parse_compressed(message, at, &at));
      Reader reader(message, at);
      const auto type = Type{reader.u16()};
      reader.skip(2);
      texts.push_back(to_string(type) + " " + std::to_string(reader.u32()));
      const Bytes rdata = reader.bytes(reader.u16());
      rdata_.emplace_back(rdata.begin(), rdata.end());
      EXPECT_TRUE(reader.ok());
      at = reader.offset();
    }
    EXPECT_EQ(message_.substr(at), kSoa + kOpt);
    EXPECT_EQ(message_.substr(8, 4), "\0\1\0\1"s);
    return texts;
  }

  [[nodiscard]] Texts found() const {
    Texts texts;
    for (const FoundAddress& found : found_) {
      texts.push_back(found.address.to_string() + " " + std::to_string(found.ttl));
    }
    return texts;
  }

  Texts never_;
  AddressEdit edit_;
  std::string message_;
  std::vector<FoundAddress> found_;
  Texts rdata_;
  std::uint16_t cut_ = 0;
};

TEST_F(EditAddresses, FindsEveryAddressAndLeavesTheMessageAlone) {
  found_.push_back({*IpAddress::parse("192.0.2.99"), 1});
  const std::string hints = svcb(param(4, ip({"192.0.2.3", "192.0.2.4"})) + param(5, "ech") +
                                 param(6, ip({"2001:db8::2"})));
  const std::vector<Rr> records{{Type::kA, ip({"192.0.2.1"}), 10},
                                {Type::kAaaa, ip({"2001:db8::1"}), 20},
                                {Type::kRrsig, rrsig(Type::kA)},
                                {Type::kHttps, hints, 30},
                                {Type::kSvcb, svcb(param(4, ip({"192.0.2.5"}))), 40}};
  EXPECT_NE(edit(records), 0U);
  EXPECT_THAT(found(), ElementsAre("192.0.2.1 10", "2001:db8::1 20", "192.0.2.3 30", "192.0.2.4 30",
                                   "2001:db8::2 30", "192.0.2.5 40"));
  EXPECT_EQ(cut_, 0);
  EXPECT_THAT(left(), ElementsAre("A 10", "AAAA 20", "RRSIG 60", "HTTPS 30", "SVCB 40"));
  EXPECT_EQ(rdata_[3], hints);
}

TEST_F(EditAddresses, FindsAMappedAddressAsIPv4) {
  edit({{Type::kAaaa, mapped("192.0.2.1")}, {Type::kHttps, svcb(param(6, mapped("192.0.2.2")))}});
  EXPECT_THAT(found(), ElementsAre("192.0.2.1 60", "192.0.2.2 60"));
}

TEST_F(EditAddresses, LooksAtClassInOfTheAnswerSectionAlone) {
  never_ = {"0.0.0.0/0", "::/0"};
  edit({{Type::kA, "abc", 60, kQname, 3}, {Type::kTxt, "\4" + ip({"192.0.2.1"})}});
  EXPECT_THAT(left(), ElementsAre("A 60", "TXT 60"));
  EXPECT_EQ(edit({}), message_.size());
  message_ = "\x12\x34\x81\x80\0\1\0\0\0\1\0\0\1a\1b\0\0\1\0\1"s + kQname +
             "\0\1\0\1\0\0\0\1\0\4\x7f\0\0\1"s;
  EXPECT_EQ(edit_message(), kAnswersAt + 16);
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(EditAddresses, CutsWhatIsNever) {
  never_ = {"10.0.0.0/8", "fd00::/8"};
  edit({{Type::kA, ip({"10.0.0.1"})},
        {Type::kA, ip({"192.0.2.1"})},
        {Type::kAaaa, ip({"fd00::1"})},
        {Type::kA, ip({"10.255.0.1"})},
        {Type::kAaaa, ip({"2001:db8::1"})},
        {Type::kAaaa, mapped("10.0.0.1")}});
  EXPECT_EQ(cut_, 4);
  EXPECT_THAT(left(), ElementsAre("A 60", "AAAA 60"));
  EXPECT_THAT(rdata_, ElementsAre(ip({"192.0.2.1"}), ip({"2001:db8::1"})));
  EXPECT_THAT(found(), ElementsAre("192.0.2.1 60", "2001:db8::1 60"));
}

TEST_F(EditAddresses, CutsAnIPv6AddressThatEmbedsWhatIsNever) {
  never_ = {"10.0.0.0/8"};
  edit({{Type::kAaaa, ip({"::10.0.0.1"})},
        {Type::kAaaa, ip({"64:ff9b::10.0.0.1"})},
        {Type::kAaaa, ip({"64:ff9b:1::10.0.0.1"})},
        {Type::kAaaa, ip({"2002:a00:1::1"})},
        {Type::kHttps, svcb(param(6, ip({"2002:a00:1::1"})))},
        {Type::kAaaa, ip({"64:ff9b::192.0.2.1"})}});
  EXPECT_EQ(cut_, 5);
  EXPECT_THAT(found(), ElementsAre("64:ff9b::c000:201 60"));
}

TEST_F(EditAddresses, CutsAllAndLeavesTheOtherSections) {
  never_ = {"0.0.0.0/0"};
  EXPECT_EQ(edit({{Type::kA, ip({"10.0.0.1"})},
                  {Type::kA, ip({"192.0.2.1"})},
                  {Type::kRrsig, rrsig(Type::kA)}}),
            kAnswersAt + kSoa.size() + kOpt.size());
  EXPECT_EQ(cut_, 2);
  EXPECT_THAT(left(), IsEmpty());
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(EditAddresses, CutsHintsAndKeepsOtherParams) {
  never_ = {"10.0.0.0/8", "fd00::/8"};
  edit({{Type::kHttps, svcb(param(1, "\2h3") + param(2, "") +
                            param(4, ip({"10.0.0.1", "192.0.2.1", "10.0.0.2", "192.0.2.2"})) +
                            param(6, ip({"fd00::1", "2001:db8::1"})) + param(65280, "own"))},
        {Type::kHttps, svcb(param(3, two(443)))}});
  EXPECT_EQ(cut_, 3);
  EXPECT_THAT(left(), ElementsAre("HTTPS 60", "HTTPS 60"));
  EXPECT_EQ(rdata_[0],
            svcb(param(1, "\2h3") + param(2, "") + param(4, ip({"192.0.2.1", "192.0.2.2"})) +
                 param(6, ip({"2001:db8::1"})) + param(65280, "own")));
  EXPECT_EQ(rdata_[1], svcb(param(3, two(443))));
  EXPECT_THAT(found(), ElementsAre("192.0.2.1 60", "192.0.2.2 60", "2001:db8::1 60"));
}

TEST_F(EditAddresses, RemovesAHintWithoutAddressAndItsKeyFromMandatory) {
  never_ = {"10.0.0.0/8"};
  edit({{Type::kSvcb, svcb(param(0, two(1) + two(4)) + param(1, "\2h3") +
                           param(4, ip({"10.0.0.1", "10.0.0.2"})) + param(7, "x"))},
        {Type::kSvcb, svcb(param(0, two(4)) + param(4, ip({"10.0.0.1"})))}});
  left();
  EXPECT_EQ(rdata_[0], svcb(param(0, two(1)) + param(1, "\2h3") + param(7, "x")));
  EXPECT_EQ(rdata_[1], svcb(""));
  EXPECT_EQ(cut_, 3);
}

TEST_F(EditAddresses, KeepsAKeyMandatoryWhoseHintOnlyShrinks) {
  never_ = {"10.0.0.0/8"};
  edit({{Type::kSvcb, svcb(param(0, two(4)) + param(4, ip({"10.0.0.1", "192.0.2.1"})))}});
  left();
  EXPECT_EQ(rdata_[0], svcb(param(0, two(4)) + param(4, ip({"192.0.2.1"}))));
}

TEST_F(EditAddresses, StripsHintsWithoutCountingThem) {
  edit_.strip_hints = true;
  never_ = {"10.0.0.0/8"};
  edit({{Type::kHttps, svcb(param(0, two(4) + two(5)) + param(4, ip({"10.0.0.1", "192.0.2.1"})) +
                            param(5, "ech") + param(6, ip({"2001:db8::1"})))}});
  left();
  EXPECT_EQ(rdata_[0], svcb(param(0, two(5)) + param(5, "ech")));
  EXPECT_EQ(cut_, 0);
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(EditAddresses, StripsEch) {
  edit_.strip_ech = true;
  edit({{Type::kHttps, svcb(param(0, two(5)) + param(4, ip({"192.0.2.1"})) + param(5, "ech"))}});
  left();
  EXPECT_EQ(rdata_[0], svcb(param(4, ip({"192.0.2.1"}))));
  EXPECT_THAT(found(), ElementsAre("192.0.2.1 60"));
}

TEST_F(EditAddresses, RemovesSignaturesOfEditedTypesAlone) {
  never_ = {"10.0.0.0/8"};
  edit_.strip_ech = true;
  const std::vector<Rr> records{
      {Type::kRrsig, rrsig(Type::kA)},     {Type::kA, ip({"10.0.0.1"})},
      {Type::kA, ip({"192.0.2.1"})},       {Type::kRrsig, rrsig(Type::kA)},
      {Type::kRrsig, rrsig(Type::kHttps)}, {Type::kHttps, svcb(param(5, "ech"))},
      {Type::kAaaa, ip({"2001:db8::1"})},  {Type::kRrsig, rrsig(Type::kAaaa)},
      {Type::kRrsig, rrsig(Type{300})}};
  edit(records);
  EXPECT_THAT(left(), ElementsAre("A 60", "HTTPS 60", "AAAA 60", "RRSIG 60", "RRSIG 60"));
  EXPECT_EQ(rdata_[3], rrsig(Type::kAaaa));
  EXPECT_EQ(rdata_[4], rrsig(Type{300}));
}

TEST_F(EditAddresses, LowersTtlsOfTheAnswerSection) {
  edit_.largest_ttl = 100;
  edit({{Type::kCname, "\1c\0"s, 70000},
        {Type::kA, ip({"192.0.2.1"}), 101},
        {Type::kA, ip({"192.0.2.2"}), 100},
        {Type::kTxt, "\1x", 0x7fffffff, kQname, 3},
        {Type::kHttps, svcb(param(4, ip({"192.0.2.3"}))), 99}});
  EXPECT_THAT(left(), ElementsAre("CNAME 100", "A 100", "A 100", "TXT 100", "HTTPS 99"));
  EXPECT_THAT(found(), ElementsAre("192.0.2.1 100", "192.0.2.2 100", "192.0.2.3 99"));
}

TEST_F(EditAddresses, FollowsOwnersIntoAChainInFrontOfTheCut) {
  never_ = {"10.0.0.0/8"};
  const std::string target = "\xc0"s + static_cast<char>(kAnswersAt + 12);
  edit({{Type::kCname, "\1c\0"s},
        {Type::kA, ip({"10.0.0.1"}), 60, target},
        {Type::kA, ip({"192.0.2.1"}), 60, target},
        {Type::kA, ip({"192.0.2.2"}), 60, "\1c\0"s}});
  EXPECT_THAT(left(), ElementsAre("CNAME 60", "A 60", "A 60"));
  EXPECT_THAT(found(), ElementsAre("192.0.2.1 60", "192.0.2.2 60"));
}

TEST_F(EditAddresses, RefusesAnOwnerThatPointsBehindACut) {
  const std::string behind = "\xc0"s + static_cast<char>(kAnswersAt + 16 + 12);
  const std::vector<Rr> records{{Type::kA, ip({"10.0.0.1"})},
                                {Type::kCname, "\1c\0"s},
                                {Type::kA, ip({"192.0.2.1"}), 60, behind}};
  EXPECT_NE(edit(records), 0U);
  never_ = {"10.0.0.0/8"};
  EXPECT_EQ(edit(records), 0U);
  EXPECT_THAT(found(), IsEmpty());
  EXPECT_EQ(cut_, 0);
}

TEST_F(EditAddresses, RefusesAnOwnerThatIsNoWholeNameBefore) {
  const auto owner_at = static_cast<char>(kAnswersAt);
  for (const std::string& owner :
       {"\xc0\x00"s, "\xc0\x0b"s, "\xc0"s + owner_at, "\xc0\xff"s, "\xff\xff"s, "\1x\xc0\x0c"s,
        "\x40"s, std::string(128, '\1') + '\0' + std::string(128, '\1') + '\0'}) {
    EXPECT_EQ(edit({{Type::kA, ip({"192.0.2.1"}), 60, owner}}), 0U)
        << testing::PrintToString(owner);
  }
  const std::string to_pointer = "\xc0"s + owner_at;
  EXPECT_EQ(edit({{Type::kTxt, "\1x"}, {Type::kTxt, "\1x", 60, to_pointer}}), 0U);
  // A name that begins before its record and runs into it.
  const std::string into_itself = "\xc0"s + static_cast<char>(kAnswersAt + 12);
  EXPECT_EQ(edit({{Type::kTxt, "\2"}, {Type::kTxt, "\1x", 60, into_itself}}), 0U);
}

TEST_F(EditAddresses, RefusesMalformedRdata) {
  const std::string hint = ip({"192.0.2.1"});
  const std::vector<Rr> broken{
      {Type::kA, "abc"},
      {Type::kA, "abcde"},
      {Type::kA, ""},
      {Type::kAaaa, hint},
      {Type::kHttps, ""},
      {Type::kHttps, two(1)},
      {Type::kHttps, two(1) + "\1t"},
      {Type::kHttps, two(1) + kQname},
      {Type::kHttps, svcb("\0"s)},
      {Type::kHttps, svcb(two(1) + two(3) + "ab")},
      {Type::kHttps, svcb(two(65280) + two(65535))},
      {Type::kHttps, svcb(param(4, hint + "x"))},
      {Type::kHttps, svcb(param(4, ""))},
      {Type::kSvcb, svcb(param(6, hint))},
      {Type::kSvcb, svcb(param(0, "\0"s))},
      {Type::kSvcb, svcb(param(0, ""))},
      {Type::kSvcb, svcb(param(4, hint) + param(4, hint))},
      {Type::kSvcb, svcb(param(5, "x") + param(4, hint))},
  };
  for (const Rr& rr : broken) {
    EXPECT_EQ(edit({{Type::kA, hint}, rr}), 0U) << testing::PrintToString(rr.rdata);
    EXPECT_THAT(found(), IsEmpty());
  }
  EXPECT_NE(edit({{Type::kA, hint}, {Type::kRrsig, "\0"s}}), 0U);
  never_ = {"192.0.2.0/24"};
  EXPECT_EQ(edit({{Type::kA, hint}, {Type::kRrsig, "\0"s}}), 0U);
}

TEST_F(EditAddresses, RefusesWhatIsNoWholeReply) {
  ASSERT_NE(edit({{Type::kA, ip({"192.0.2.1"})}}), 0U);
  const std::string good = message_;
  for (std::size_t size = 0; size < good.size(); ++size) {
    message_ = good.substr(0, size);
    EXPECT_EQ(edit_message(), 0U) << size;
  }
  message_ = good + "x";
  EXPECT_EQ(edit_message(), 0U);
  message_ = good;
  message_[5] = 0;
  EXPECT_EQ(edit_message(), 0U);
  message_ = good;
  EXPECT_EQ(edit_message(), good.size());
}

}  // namespace
}  // namespace nxgate::wire
