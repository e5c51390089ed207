#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/local_data.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::policy {
namespace {

using testing::HasSubstr;
using namespace std::string_literals;

std::string rdata_of(std::string_view text) {
  const auto parsed = parse_record(text);
  EXPECT_TRUE(parsed) << text << ": " << parsed.error().message;
  if (!parsed) return {};
  return {parsed->record.rdata.begin(), parsed->record.rdata.end()};
}

TEST(Record, ReadsEveryTypeItKnows) {
  EXPECT_EQ(rdata_of("db.test A 10.0.0.5"), "\x0a\0\0\x05"s);
  EXPECT_EQ(rdata_of("db.test aaaa fd00::5"), "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05"s);
  EXPECT_EQ(rdata_of("a CNAME B.test."),
            "\x01"
            "b\x04test\0"s);
  EXPECT_EQ(rdata_of("a PTR ."), "\0"s);
  EXPECT_EQ(rdata_of("a NS b"),
            "\x01"
            "b\0"s);
  EXPECT_EQ(rdata_of("a DNAME b"),
            "\x01"
            "b\0"s);
  EXPECT_EQ(rdata_of("a MX 10 mx"), "\0\x0a\x02mx\0"s);
  EXPECT_EQ(rdata_of("_s._tcp SRV 1 2 65535 h"), "\0\x01\0\x02\xff\xff\x01h\0"s);
  EXPECT_EQ(rdata_of("a TXT \"two words\" plain \"\""), "\x09two words\x05plain\0"s);
  EXPECT_EQ(rdata_of(R"(a TXT "say \"hi\"\; \\ \065\000")"),
            "\x10say \"hi\"; \\ A\0"s.replace(0, 1, "\x0e"));
  EXPECT_EQ(rdata_of("a CAA 128 issue \"ca.example; x=1\""), "\x80\x05issueca.example; x=1"s);
  EXPECT_EQ(rdata_of("a TYPE65280 \\# 3 0aFF 10"), "\x0a\xff\x10"s);
  EXPECT_EQ(rdata_of("a HTTPS \\# 3 000100"), "\0\x01\0"s);
  EXPECT_EQ(rdata_of("a TYPE65280 \\# 0"), "");
}

TEST(Record, ReadsOwnerTtlAndClass) {
  const auto parsed = parse_record("*.Wild.test 1h IN A 192.0.2.1").value();
  EXPECT_TRUE(parsed.wildcard);
  EXPECT_EQ(parsed.owner, wire::DomainName::from_text("wild.test").value());
  EXPECT_EQ(parsed.record.ttl, 3600U);
  EXPECT_EQ(parsed.record.type, wire::Type::kA);
  EXPECT_EQ(parse_record("a IN 5 A 192.0.2.1")->record.ttl, 5U);
  EXPECT_EQ(parse_record("a A 192.0.2.1")->record.ttl, kLocalTtl);
  EXPECT_FALSE(parse_record("a A 192.0.2.1")->wildcard);
  EXPECT_TRUE(parse_record("* A 192.0.2.1")->owner.is_root());
  EXPECT_EQ(parse_record("a 2147483647 A 192.0.2.1")->record.ttl, 2147483647U);
}

TEST(Record, SaysWhatIsWrong) {
  struct Case {
    std::string text;
    const char* why;
  };
  const std::string long_string(256, 'x');
  for (const Case& c : {
           Case{"", "empty record"},
           Case{"a", "type is missing"},
           Case{"a 60 IN", "type is missing"},
           Case{"a..b A 10.0.0.1", "`a..b`"},
           Case{"a NOPE x", "`NOPE` is not a record type"},
           Case{"a ANY x", "`ANY` is not a record type"},
           Case{"a OPT \\# 0", "`OPT` is not a record type"},
           Case{"a 2147483648 A 10.0.0.1", "a TTL is at most 2147483647"},
           Case{"a A fd00::1",
                "`fd00::1` is not an IPv4 address; the form is NAME [TTL] A IPV4-ADDRESS"},
           Case{"a AAAA 10.0.0.1", "`10.0.0.1` is not an IPv6 address"},
           Case{"a A", "data is missing"},
           Case{"a A 10.0.0.1 10.0.0.2", "`10.0.0.2` is unexpected here"},
           Case{"a MX mail", "`mail` is not a number up to 65535"},
           Case{"a MX 65536 mail", "`65536` is not a number up to 65535"},
           Case{"a MX 10", "data is missing"},
           Case{"a SRV 1 2 3 x y", "`y` is unexpected here"},
           Case{"a CNAME b..c", "`b..c`"},
           Case{"a CAA 256 issue x", "`256` is not a number up to 255"},
           Case{"a CAA 0 is-sue x", "`is-sue` is not a tag"},
           Case{"a TXT", "data is missing"},
           Case{"a TXT " + long_string, "a string of 256 bytes"},
           Case{"a TXT \"open", "column 7: unclosed quote"},
           Case{"a TXT x ; y", "column 9: `;`"},
           Case{"a TXT \\25", "escape"},
           Case{"a TXT \\256", "escape"},
           Case{"a TXT \"x\\", "unclosed quote"},
           Case{"a TXT x\\", "escape"},
           Case{"a A \\# 4 0a000001", "the form is NAME [TTL] A IPV4-ADDRESS"},
           Case{"a HTTPS 1 .", "no other form; the form is NAME [TTL] HTTPS \\# LENGTH HEX"},
           Case{"a TYPE9 \\# 2 00", "LENGTH says 2 bytes, but there are 1"},
           Case{"a TYPE9 \\# 1 0", "odd number"},
           Case{"a TYPE9 \\# 1 0g", "`0g` is not a hex byte"},
           Case{"a TYPE9 \\# 1 -1", "`-1` is not a hex byte"},
       }) {
    const auto parsed = parse_record(c.text);
    ASSERT_FALSE(parsed) << c.text;
    EXPECT_THAT(parsed.error().message, HasSubstr(c.why)) << c.text;
  }
}

TEST(Record, DataThatNoReplyHoldsIsRefused) {
  std::string text = "a TXT";
  for (int i = 0; i < 260; ++i) text += " " + std::string(255, 'x');
  EXPECT_THAT(parse_record(text).error().message, HasSubstr("a reply holds at most 65000"));
}

}  // namespace
}  // namespace nxgate::policy
