#include "wire/name.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace nxgate::wire {
namespace {

DomainName name(std::string_view text) {
  const auto parsed = DomainName::from_text(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(DomainName{});
}

std::vector<std::uint8_t> bytes(std::string_view text) { return {text.begin(), text.end()}; }

TEST(DomainName, TextAndWireAreTheSameName) {
  const auto wire = bytes(std::string("\3WwW\7Example\3com\0rest", 21));
  const auto parsed = DomainName::parse(wire);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, name("www.example.com"));
  EXPECT_EQ(parsed->wire().size(), 17U);
  EXPECT_EQ(parsed->to_text(), "www.example.com");
  EXPECT_EQ(parsed->label_count(), 3U);
}

TEST(DomainName, LowerCasesAsciiOnly) {
  const auto parsed = DomainName::parse(bytes(std::string("\4A\xc0Z[\0", 6)));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->to_text(), "a\\192z[");
}

TEST(DomainName, EscapesSurviveTheRoundTrip) {
  const DomainName dotted = name("a\\.b.c\\000d.\\\\x");
  EXPECT_EQ(dotted.label_count(), 3U);
  EXPECT_EQ(dotted.to_text(), "a\\.b.c\\000d.\\\\x");
  EXPECT_EQ(name(dotted.to_text()), dotted);
  EXPECT_NE(name("a\\.b"), name("a.b"));
}

TEST(DomainName, RootAndTrailingDot) {
  EXPECT_TRUE(name(".").is_root());
  EXPECT_EQ(name("."), DomainName{});
  EXPECT_EQ(name("a.b."), name("a.b"));
  EXPECT_EQ(name(".").to_text(), ".");
}

TEST(DomainName, RefusesBadText) {
  for (const char* bad : {"", "..", ".a", "a..b", "a b", "a\\", "a\\25", "a\\256", "caf\xc3\xa9"}) {
    EXPECT_FALSE(DomainName::from_text(bad)) << bad;
  }
  EXPECT_TRUE(DomainName::from_text(std::string(63, 'x')));
  EXPECT_FALSE(DomainName::from_text(std::string(64, 'x')));
}

TEST(DomainName, LengthLimitIsExact) {
  const std::string three =
      std::string(63, 'a') + '.' + std::string(63, 'b') + '.' + std::string(63, 'c') + '.';
  EXPECT_EQ(name(three + std::string(61, 'd')).wire().size(), 255U);
  EXPECT_FALSE(DomainName::from_text(three + std::string(62, 'd')));
  std::string most;
  for (int i = 0; i < 127; ++i) most += "x.";
  EXPECT_EQ(name(most).label_count(), kMostLabels);
  EXPECT_FALSE(DomainName::from_text(most + "x."));
}

TEST(DomainName, ParseRefusesWhatIsCutOffOrNoLabel) {
  for (const std::string& bad :
       {std::string(), std::string("\3ww", 3), std::string("\3www", 4), std::string("\xc0\x0c", 2),
        std::string("\x40x\0", 3), std::string("\x80x\0", 3)}) {
    EXPECT_FALSE(DomainName::parse(bytes(bad)));
  }
  std::string long_name;
  for (int i = 0; i < 4; ++i) long_name += '\x3f' + std::string(63, 'a');
  EXPECT_FALSE(DomainName::parse(bytes(long_name + '\0')));
}

TEST(DomainName, CompressedNamesFollowPointersBackwardsOnly) {
  const auto message = bytes(std::string("\3com\0\1a\xc0\x00\1b\xc0\x05", 13));
  std::size_t end = 0;
  EXPECT_EQ(*DomainName::parse_compressed(message, 9, &end), name("b.a.com"));
  EXPECT_EQ(end, 13U);
  const auto self = bytes(std::string("\xc0\x00", 2));
  EXPECT_FALSE(DomainName::parse_compressed(self, 0, &end));
  const auto loop = bytes(std::string("\1a\xc0\x00", 4));
  EXPECT_FALSE(DomainName::parse_compressed(loop, 0, &end));
  const auto forward = bytes(std::string("\xc0\x02\1a\0", 5));
  EXPECT_FALSE(DomainName::parse_compressed(forward, 0, &end));
  const auto cut = bytes(std::string("\1a\xc0", 3));
  EXPECT_FALSE(DomainName::parse_compressed(cut, 0, &end));
  // A root, and pointers each to the one before it.
  std::vector<std::uint8_t> ladder{0};
  for (std::size_t rung = 0; rung <= kMostLabels; ++rung) {
    const std::size_t target = rung == 0 ? 0 : ladder.size() - 2;
    ladder.push_back(static_cast<std::uint8_t>(0xc0 | target >> 8));
    ladder.push_back(static_cast<std::uint8_t>(target));
  }
  EXPECT_TRUE(DomainName::parse_compressed(ladder, ladder.size() - 4, &end));
  EXPECT_FALSE(DomainName::parse_compressed(ladder, ladder.size() - 2, &end));
}

TEST(DomainName, LowersAsciiLettersAndNothingElse) {
  for (std::size_t length = 1; length <= 63; ++length) {
    for (int byte = 0; byte < 256; ++byte) {
      std::vector<std::uint8_t> wire(length + 2, static_cast<std::uint8_t>(byte));
      wire.front() = static_cast<std::uint8_t>(length);
      wire.back() = 0;
      const auto parsed = DomainName::parse(wire);
      ASSERT_TRUE(parsed);
      for (std::size_t at = 1; at <= length; ++at) {
        ASSERT_EQ(parsed->wire()[at], lower(static_cast<std::uint8_t>(byte))) << byte;
      }
    }
  }
}

TEST(DomainName, AtOrBelowGoesByWholeLabels) {
  EXPECT_TRUE(name("www.example.com").is_at_or_below(name("example.com")));
  EXPECT_TRUE(name("example.com").is_at_or_below(name("example.com")));
  EXPECT_TRUE(name("example.com").is_at_or_below(name(".")));
  EXPECT_FALSE(name("notexample.com").is_at_or_below(name("example.com")));
  EXPECT_FALSE(name("com").is_at_or_below(name("example.com")));
  EXPECT_FALSE(name("a\\.example.com").is_at_or_below(name("example.com")));
}

TEST(DomainName, ParentAndLabelAreInverse) {
  EXPECT_EQ(name("www.example.com").parent(), name("example.com"));
  EXPECT_TRUE(DomainName{}.parent().is_root());
  EXPECT_EQ(*name("example.com").with_label(bytes("WWW")), name("www.example.com"));
  EXPECT_FALSE(name("example.com").with_label(bytes(std::string(64, 'x'))));
}

TEST(SuffixHashes, EverySuffixHasTheHashOfItsOwnName) {
  const std::uint64_t key = process_hash_key();
  const DomainName whole = name("a.bc.def.example");
  const SuffixHashes hashes(whole, key);
  ASSERT_EQ(hashes.depth(), 4U);
  DomainName suffix = whole;
  for (std::size_t depth = 4;; --depth) {
    EXPECT_EQ(hashes.hash(depth), hash_of(suffix, key));
    EXPECT_TRUE(std::ranges::equal(hashes.suffix(depth), suffix.wire()));
    if (depth == 0) break;
    suffix = suffix.parent();
  }
  EXPECT_NE(hash_of(name("ab.c"), key), hash_of(name("a.bc"), key));
}

TEST(SuffixHashes, EveryByteOfALabelCounts) {
  const std::uint64_t key = process_hash_key();
  for (std::size_t length = 1; length <= 63; ++length) {
    const std::string label(length, 'a');
    const std::uint64_t hash = hash_of(name(label + ".test"), key);
    if (length < 63) EXPECT_NE(hash, hash_of(name(label + "a.test"), key));
    for (std::size_t at = 0; at < length; ++at) {
      std::string other = label;
      other[at] = 'b';
      EXPECT_NE(hash, hash_of(name(other + ".test"), key)) << other;
    }
  }
}

TEST(SuffixHashes, KeyIsOddAndStays) {
  EXPECT_EQ(process_hash_key() & 1, 1U);
  EXPECT_EQ(process_hash_key(), process_hash_key());
}

}  // namespace
}  // namespace nxgate::wire
