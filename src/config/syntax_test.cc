#include "config/syntax.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "config/context.h"
#include "config/memory_files.h"

namespace nxgate::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

std::vector<std::string> faults_of(const std::string& text) {
  MemoryFiles files;
  Context context{files, ""};
  const bool good = check_syntax(text, "n.toml", context);
  EXPECT_EQ(good, context.faults.empty());
  std::vector<std::string> lines;
  for (const Fault& fault : context.faults) lines.push_back(to_string(fault));
  return lines;
}

TEST(SyntaxTest, TomlHasNoFault) {
  for (const char* const text :
       {"", "\n\n", "# only\r\n", "\xEF\xBB\xBF# a mark in front\n", " a = 1 # why\r\n\tb=2",
        "[server]", "[ server . 'rate limit' ]\n[[clients]] # each\n", "a.b.\"c d\" = true",
        "a = [1, 2, # first\n\n  3,\n]\n", "a = []\nb = {}\nc = [[], [{}], {d = [1,\n2]}]",
        "a = { b = 1, c.d = 'x' }", R"(a = "\t\\ \"b\" \u00e9 \U0001F600")", "a = 'C:\\path'",
        "a = \"\"\"\nb \"c\" \\\n  d\\\"\n\"\"\"\"\"", "a = '''it's\n'two''''", "a = \"é“\" # “",
        "a = [+1, -0, 1_000, 0xDE_ad, 0o17, 0b1, 1.5, 1e6, -2.5E-3, inf, -nan]",
        "a = [1979-05-27, 07:32:00, 1979-05-27T07:32:00Z, 1979-05-27 07:32:00.9-07:00]"}) {
    EXPECT_THAT(faults_of(text), IsEmpty()) << text;
  }
}

struct Case {
  const char* text;
  const char* fault;
};

TEST(SyntaxTest, EachSlipHasItsPlaceAndAHint) {
  const std::vector<Case> cases{
      // Texts.
      {"a = web", "n.toml:1:5: a text needs quotation marks: write \"web\""},
      {"a = 10s", "n.toml:1:5: a text needs quotation marks: write \"10s\""},
      {"a = 127.0.0.1:53", "n.toml:1:5: a text needs quotation marks: write \"127.0.0.1:53\""},
      {"a = [\"b.test\", c.test]", "n.toml:1:16: a text needs quotation marks: write \"c.test\""},
      {"é = 1", "n.toml:1:1: expected a key of letters, digits, - and _, or one in quotation"},
      {"a = \"é\" b", "n.toml:1:9: expected the end of the line, found \"b\"; is a quotation"},
      {"a = True", "n.toml:1:5: write true, in small letters"},
      {"a = b\"", "n.toml:1:5: \"b\"\" has a quotation mark only at its end: write \"b\""},
      {"a = \"b", "n.toml:1:5: this text isn't closed: expected \" before the end of the line"},
      {"a = 'b\n", "n.toml:1:5: this text isn't closed: expected ' before the end of the line"},
      {"a = \"\"\"b", "n.toml:1:5: this text isn't closed: expected \"\"\" before the end of the"},
      {"a = [\"b.test, \"c.test\"]",
       "n.toml:1:16: expected ',' or ']', found \"c.test\"\"; is a quotation mark missing, or "
       "one too many?"},
      {"a = “b”", "n.toml:1:5: a typographic quotation mark: write \" instead"},
      {"a = \"C:\\path\"", "n.toml:1:8: a backslash begins an escape in here, and this is none"},
      {"a = \"\\u12\"", "n.toml:1:6: \\u takes 4 hexadecimal digits"},
      {"a = \"\"\"\\ b\"\"\"", "n.toml:1:8: a backslash in front of a blank"},
      // Values.
      {"a = ", "n.toml:1:5: expected a value, found the end of the file"},
      {"a =\nb = 1", "n.toml:1:4: expected a value, found the end of the line"},
      {"a = = 1", "n.toml:1:5: expected a value, found \"=\""},
      {"a = , 1", "n.toml:1:5: expected a value, found \",\""},
      {"a = 1 2", "n.toml:1:7: expected the end of the line, found \"2\""},
      {"a = \"b\", \"c\"",
       "n.toml:1:8: expected the end of the line, found ',': several values are a list, […, …]"},
      {"a = .5", "n.toml:1:5: a text needs quotation marks: write \".5\""},
      {"a = 0x", "n.toml:1:5: a text needs quotation marks: write \"0x\""},
      {"a = 1979-05-27 x", "n.toml:1:16: expected the end of the line, found \"x\""},
      // Keys.
      {"a: 1", "n.toml:1:2: expected '=' and a value behind the key \"a\", found \":\""},
      {"a b = 1", "n.toml:1:3: expected '=' and a value behind the key \"a\", found \"b\""},
      {"a", "n.toml:1:2: expected '=' and a value behind the key \"a\", found the end of the file"},
      {"a. = 1", "n.toml:1:4: expected a key of letters"},
      {"*.b = 1",
       "n.toml:1:1: expected a key of letters, digits, - and _, or one in quotation "
       "marks, found \"*.b\""},
      {"\"\"\"a\"\"\" = 1", "n.toml:1:1: a key has one quotation mark at each end"},
      {"// why", "n.toml:1:1: a comment begins with #"},
      {"; why", "n.toml:1:1: a comment begins with #"},
      // Tables.
      {"[",
       "n.toml:1:2: expected a key of letters, digits, - and _, or one in quotation marks, "
       "found the end of the file"},
      {"[]", "n.toml:1:2: expected a key of letters"},
      {"[!a]", "n.toml:1:2: expected a key of letters"},
      {"[\x7F]", "n.toml:1:2: a control character (0x7F): delete it"},
      {"[server", "n.toml:1:8: expected ']' behind the table's name, found the end of the file"},
      {"[[clients]", "n.toml:1:10: expected ']]' behind the table's name, found \"]\""},
      {"[policies.my ci]",
       "n.toml:1:14: expected ']' behind the table's name, found \"ci\"; a name "
       "with other characters than letters, digits, - and _ needs quotation"},
      {"[a] b", "n.toml:1:5: expected the end of the line, found \"b\""},
      // Lists and inline tables.
      {"a = [1, 2", "n.toml:1:5: this list isn't closed: expected ']' before the end of the file"},
      {"a = [1,\n  2\n\nb = 1", "n.toml:1:5: this list isn't closed: expected ']' before line 4"},
      {"a = [1\n[b]", "n.toml:1:5: this list isn't closed: expected ']' before line 2"},
      {"a = [\"b\" \"c\"]", "n.toml:1:10: expected a comma between two values"},
      {"a = [,]", "n.toml:1:6: expected a value, found \",\""},
      {"a = {b = 1\n}", "n.toml:1:5: this table isn't closed: expected '}' before the end of the"},
      {"a = {b = 1,}", "n.toml:1:12: expected a key of letters"},
      {"a = {b}", "n.toml:1:7: expected '=' and a value behind the key \"b\", found \"}\""},
      // Not a text at all.
      {"a = \"\xC4\"", "n.toml:1:6: octet 0xC4 isn't UTF-8: save the file as UTF-8"},
      {"a = \"\xED\xA0\x80\"", "n.toml:1:6: octet 0xED isn't UTF-8"},
      {"\xFF\xFE\x61", "n.toml:1:1: this file is UTF-16: save it as UTF-8"},
      {"a = 1\rb = 2", "n.toml:1:6: a control character (0x0D): delete it"},
  };
  for (const Case& one : cases) {
    EXPECT_THAT(faults_of(one.text), ElementsAre(StartsWith(one.fault))) << one.text;
  }
}

TEST(SyntaxTest, EveryWrongLineIsTold) {
  EXPECT_THAT(faults_of("[server\nuser = dns\nworkers = 2\nlisten = [\"127.0.0.1:53]\n\n[[x]"),
              ElementsAre(StartsWith("n.toml:1:8: "), StartsWith("n.toml:2:8: "),
                          StartsWith("n.toml:4:11: "), StartsWith("n.toml:6:4: ")));
  // What is left of a list isn't a fault of its own.
  EXPECT_THAT(faults_of("a = [\n  \"b\"\n  \"c\",\n  d,\n]\ne = f\n"),
              ElementsAre(StartsWith("n.toml:3:3: "), StartsWith("n.toml:6:5: ")));
  EXPECT_THAT(faults_of("a = \"\"\"\n\\q\nb = c\n"),
              ElementsAre(StartsWith("n.toml:2:1: "), StartsWith("n.toml:3:5: ")));
}

TEST(SyntaxTest, WhatIsTooLargeOrTooDeepIsRefused) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "[";
  EXPECT_THAT(faults_of("a = " + deep),
              ElementsAre(StartsWith("n.toml:1:21: lists and tables in more than 16 others")));
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "!\n";
  EXPECT_THAT(faults_of(many), SizeIs(kMostFaults + 1));
  EXPECT_THAT(faults_of(std::string((16UL << 20) + 1, '\n')), SizeIs(1));
}

}  // namespace
}  // namespace nxgate::config
