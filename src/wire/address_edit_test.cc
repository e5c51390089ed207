#include "wire/address_edit.h"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/address.h"
#include "base/bytes.h"
#include "wire/types.h"

namespace nxgate::wire {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Octets = std::vector<std::uint8_t>;

/// A reply to a question for `a.`, as this room writes it: owners point to the qname.
class Reply {
 public:
  Reply() { put({0, 1, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1}); }

  Reply& answer(Type type, std::uint32_t ttl, const Octets& rdata) {
    ++bytes_[7];
    record({0xc0, 12}, type, ttl, rdata);
    return *this;
  }
  Reply& opt() {
    ++bytes_[11];
    record({0}, Type::kOpt, 0, {});
    return *this;
  }
  Reply& soa() {
    ++bytes_[9];
    record({0}, Type::kSoa, 5, Octets(22, 0));
    return *this;
  }
  Reply& raw(const Octets& owner, Type type, const Octets& rdata) {
    ++bytes_[7];
    record(owner, type, 60, rdata);
    return *this;
  }
  [[nodiscard]] Octets bytes() const { return bytes_; }

 private:
  void put(const Octets& octets) { bytes_.insert(bytes_.end(), octets.begin(), octets.end()); }
  void number(std::size_t value, int octets) {
    for (int i = octets - 1; i >= 0; --i) put({static_cast<std::uint8_t>(value >> 8 * i)});
  }
  void record(const Octets& owner, Type type, std::uint32_t ttl, const Octets& rdata) {
    put(owner);
    number(static_cast<std::size_t>(type), 2);
    number(1, 2);
    number(ttl, 4);
    number(rdata.size(), 2);
    put(rdata);
  }

  Octets bytes_;
};

struct Outcome {
  Octets bytes;
  std::uint16_t cut = 0;
  std::vector<std::string> found;
};

Outcome edit(Octets message, const AddressEdit& how) {
  std::vector<FoundAddress> found;
  const EditedReply edited = edit_addresses(message, how, found);
  Outcome outcome{.cut = edited.cut};
  if (edited.size == 0) return outcome;
  message.resize(edited.size);
  outcome.bytes = message;
  for (const FoundAddress& each : found) {
    outcome.found.push_back(each.address.to_string() + " " + std::to_string(each.ttl));
  }
  return outcome;
}

Octets octets_of(const char* address) {
  const IpAddress parsed = *IpAddress::parse(address);
  const Bytes bytes = parsed.bytes();
  return {bytes.begin(), bytes.end()};
}

Octets mapped(const char* v4) {
  Octets bytes(10, 0);
  bytes.insert(bytes.end(), {0xff, 0xff});
  const Octets last = octets_of(v4);
  bytes.insert(bytes.end(), last.begin(), last.end());
  return bytes;
}

const std::vector<Prefix> kNever{*Prefix::parse("10.0.0.0/8"), *Prefix::parse("fd00::/8")};

TEST(AddressEdit, FindsAddressesAndChangesNothingElse) {
  const Octets reply = Reply()
                           .answer(Type::kCname, 60, {1, 'b', 0})
                           .answer(Type::kA, 60, octets_of("192.0.2.1"))
                           .answer(Type::kA, 30, octets_of("192.0.2.2"))
                           .soa()
                           .opt()
                           .bytes();
  const Outcome outcome = edit(reply, {.never = kNever});
  EXPECT_EQ(outcome.bytes, reply);
  EXPECT_THAT(outcome.found, ElementsAre("192.0.2.1 60", "192.0.2.2 30"));
}

TEST(AddressEdit, CutsWhatMayNeverBeToldAndMovesTheRestUp) {
  const Octets reply = Reply()
                           .answer(Type::kA, 60, octets_of("10.1.2.3"))
                           .answer(Type::kA, 60, octets_of("192.0.2.2"))
                           .answer(Type::kA, 60, octets_of("10.1.2.4"))
                           .soa()
                           .opt()
                           .bytes();
  const Octets expected = Reply().answer(Type::kA, 60, octets_of("192.0.2.2")).soa().opt().bytes();
  const Outcome outcome = edit(reply, {.never = kNever});
  EXPECT_EQ(outcome.bytes, expected);
  EXPECT_EQ(outcome.cut, 2);
  EXPECT_THAT(outcome.found, ElementsAre("192.0.2.2 60"));
}

TEST(AddressEdit, NothingMayBeLeft) {
  const Octets reply = Reply().answer(Type::kA, 60, octets_of("10.1.2.3")).opt().bytes();
  const Outcome outcome = edit(reply, {.never = kNever});
  EXPECT_EQ(outcome.bytes, Reply().opt().bytes());
  EXPECT_THAT(outcome.found, IsEmpty());
}

TEST(AddressEdit, SeesThroughEmbeddedIpv4) {
  for (const char* const address :
       {"64:ff9b::a01:203", "64:ff9b:1::a01:203", "::a01:203", "2002:a01:203::1", "fd00::1"}) {
    const Octets reply = Reply().answer(Type::kAaaa, 60, octets_of(address)).bytes();
    EXPECT_EQ(edit(reply, {.never = kNever}).cut, 1) << address;
  }
  const Octets in_range = Reply().answer(Type::kAaaa, 60, mapped("10.1.2.3")).bytes();
  EXPECT_EQ(edit(in_range, {.never = kNever}).cut, 1);
  const Octets outside = Reply().answer(Type::kAaaa, 60, mapped("192.0.2.1")).bytes();
  EXPECT_THAT(edit(outside, {.never = kNever}).found, ElementsAre("192.0.2.1 60"))
      << "that is where Linux sends it";
}

TEST(AddressEdit, LowersLongTtls) {
  const Octets reply = Reply()
                           .answer(Type::kA, 604800, octets_of("192.0.2.1"))
                           .answer(Type::kA, 5, octets_of("192.0.2.2"))
                           .bytes();
  EXPECT_THAT(edit(reply, {.largest_ttl = 300}).found, ElementsAre("192.0.2.1 300", "192.0.2.2 5"));
  EXPECT_EQ(edit(reply, {.largest_ttl = 300}).bytes,
            Reply()
                .answer(Type::kA, 300, octets_of("192.0.2.1"))
                .answer(Type::kA, 5, octets_of("192.0.2.2"))
                .bytes());
}

// Priority 1, target `.`, and the keys told behind each line.
const Octets kService{0, 1, 0,                                  //
                      0, 0, 0, 4, 0,  3,   0, 4,                // mandatory=port,ipv4hint
                      0, 3, 0, 2, 1,  187,                      // port=443
                      0, 4, 0, 8, 10, 1,   2, 3, 192, 0, 2, 1,  // ipv4hint
                      0, 5, 0, 2, 9,  9};                       // ech

TEST(AddressEdit, FindsHintsAndCutsSomeOfThem) {
  const Outcome outcome =
      edit(Reply().answer(Type::kHttps, 60, kService).bytes(), {.never = kNever});
  const Octets expected{0, 1, 0,                     //
                        0, 0, 0, 4, 0,   3,   0, 4,  //
                        0, 3, 0, 2, 1,   187,        //
                        0, 4, 0, 4, 192, 0,   2, 1,  //
                        0, 5, 0, 2, 9,   9};
  EXPECT_EQ(outcome.bytes, Reply().answer(Type::kHttps, 60, expected).bytes());
  EXPECT_THAT(outcome.found, ElementsAre("192.0.2.1 60"));
}

TEST(AddressEdit, StripsHintsAndKeysAndWhatNamesThem) {
  const Outcome outcome = edit(Reply().answer(Type::kHttps, 60, kService).opt().bytes(),
                               {.strip_hints = true, .strip_ech = true});
  const Octets expected{0, 1, 0,           //
                        0, 0, 0, 2, 0, 3,  // mandatory=port
                        0, 3, 0, 2, 1, 187};
  EXPECT_EQ(outcome.bytes, Reply().answer(Type::kHttps, 60, expected).opt().bytes());
  EXPECT_THAT(outcome.found, IsEmpty());
}

TEST(AddressEdit, DropsSignaturesOverWhatItChanged) {
  Octets over_a(18, 0);
  over_a[1] = 1;
  Octets over_cname(18, 0);
  over_cname[1] = 5;
  const Octets reply = Reply()
                           .answer(Type::kCname, 60, {1, 'b', 0})
                           .answer(Type::kRrsig, 60, over_cname)
                           .answer(Type::kA, 60, octets_of("10.0.0.1"))
                           .answer(Type::kA, 60, octets_of("192.0.2.1"))
                           .answer(Type::kRrsig, 60, over_a)
                           .opt()
                           .bytes();
  const Octets expected = Reply()
                              .answer(Type::kCname, 60, {1, 'b', 0})
                              .answer(Type::kRrsig, 60, over_cname)
                              .answer(Type::kA, 60, octets_of("192.0.2.1"))
                              .opt()
                              .bytes();
  EXPECT_EQ(edit(reply, {.never = kNever}).bytes, expected);
}

TEST(AddressEdit, RefusesWhatIsMalformed) {
  EXPECT_THAT(edit({}, {}).bytes, IsEmpty());
  EXPECT_THAT(edit(Reply().answer(Type::kA, 60, {1, 2, 3}).bytes(), {}).bytes, IsEmpty());
  EXPECT_THAT(edit(Reply().answer(Type::kHttps, 60, {0, 1, 0, 0, 4, 0, 9, 1}).bytes(), {}).bytes,
              IsEmpty())
      << "a key that runs over";
  EXPECT_THAT(
      edit(Reply().answer(Type::kHttps, 60, {0, 1, 0, 0, 4, 0, 3, 1, 2, 3}).bytes(), {}).bytes,
      IsEmpty())
      << "no whole address";
  Octets cut_short = Reply().answer(Type::kA, 60, octets_of("192.0.2.1")).bytes();
  cut_short.pop_back();
  EXPECT_THAT(edit(cut_short, {}).bytes, IsEmpty());
}

TEST(AddressEdit, RefusesPointersToWhatMoved) {
  const Octets reply = Reply()
                           .answer(Type::kA, 60, octets_of("10.0.0.1"))
                           .raw({0xc0, 40}, Type::kA, octets_of("192.0.2.1"))
                           .bytes();
  EXPECT_THAT(edit(reply, {.never = kNever}).bytes, IsEmpty());
}

}  // namespace
}  // namespace nxgate::wire
