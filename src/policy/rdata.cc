#include "policy/rdata.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/escape.h"
#include "policy/record_words.h"
#include "policy/words.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::policy {
namespace {

/// What still fits into one reply, beside its header, question and OPT.
constexpr std::size_t kLargestRdata = 65'000;

/// One field of a record. kStrings takes all words that are left.
enum class Field : std::uint8_t { kEnd, kV4, kV6, kName, kU8, kU16, kTag, kRest, kStrings };

struct Form {
  std::uint16_t type;
  std::string_view shown;
  std::array<Field, 4> fields;
};

constexpr std::uint16_t number_of(wire::Type type) { return static_cast<std::uint16_t>(type); }
constexpr std::uint16_t kCaa = 257;

constexpr auto kForms = std::to_array<Form>({
    {number_of(wire::Type::kA), "IPV4-ADDRESS", {Field::kV4}},
    {number_of(wire::Type::kAaaa), "IPV6-ADDRESS", {Field::kV6}},
    {number_of(wire::Type::kCname), "NAME", {Field::kName}},
    {number_of(wire::Type::kDname), "NAME", {Field::kName}},
    {number_of(wire::Type::kNs), "NAME", {Field::kName}},
    {number_of(wire::Type::kPtr), "NAME", {Field::kName}},
    {number_of(wire::Type::kMx), "PREFERENCE NAME", {Field::kU16, Field::kName}},
    {number_of(wire::Type::kSrv),
     "PRIORITY WEIGHT PORT NAME",
     {Field::kU16, Field::kU16, Field::kU16, Field::kName}},
    {number_of(wire::Type::kTxt), "\"STRING\"...", {Field::kStrings}},
    {kCaa, "FLAGS TAG \"VALUE\"", {Field::kU8, Field::kTag, Field::kRest}},
});

using Rdata = std::vector<std::uint8_t>;

/// The error of a field; empty when the word was good.
using Wrong = std::string;

void append(Rdata& rdata, Bytes bytes) { rdata.insert(rdata.end(), bytes.begin(), bytes.end()); }

template <class Number>
Wrong read_number(std::string_view word, Rdata& rdata) {
  const auto number = parse_number<Number>(word);
  if (!number) {
    return fmt::format("{} is not a number up to {}", quote(word),
                       std::numeric_limits<Number>::max());
  }
  for (std::size_t shift = sizeof(Number); shift-- > 0;) {
    rdata.push_back(static_cast<std::uint8_t>(*number >> (8 * shift)));
  }
  return {};
}

Wrong read_address(std::string_view word, bool v4, Rdata& rdata) {
  const auto address = IpAddress::parse(word);
  if (!address || address->is_v4() != v4) {
    return fmt::format("{} is not an {} address", quote(word), v4 ? "IPv4" : "IPv6");
  }
  append(rdata, address->bytes());
  return {};
}

Wrong read_name(std::string_view word, Rdata& rdata) {
  const auto name = wire::DomainName::from_text(word);
  if (!name) return fmt::format("{}: {}", quote(word), name.error());
  append(rdata, name->wire());
  return {};
}

Wrong read_string(std::string_view word, bool counted, Rdata& rdata) {
  const auto bytes = unescape(word);
  if (!bytes) return bytes.error().message;
  if (counted) rdata.push_back(static_cast<std::uint8_t>(bytes->size()));
  append(rdata, *bytes);
  return {};
}

/// A CAA tag (RFC 8659 section 4.1).
Wrong read_tag(std::string_view word, Rdata& rdata) {
  const auto is_tag_char = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (word.empty() || word.size() > 15 || !std::ranges::all_of(word, is_tag_char)) {
    return fmt::format("{} is not a tag: 1 to 15 letters and digits, such as issue", quote(word));
  }
  return read_string(word, true, rdata);
}

Wrong read_field(Field field, std::string_view word, Rdata& rdata) {
  switch (field) {
    case Field::kEnd:
      return fmt::format("{} is unexpected here", quote(word));
    case Field::kV4:
    case Field::kV6:
      return read_address(word, field == Field::kV4, rdata);
    case Field::kName:
      return read_name(word, rdata);
    case Field::kU8:
      return read_number<std::uint8_t>(word, rdata);
    case Field::kU16:
      return read_number<std::uint16_t>(word, rdata);
    case Field::kTag:
      return read_tag(word, rdata);
    case Field::kRest:
      return read_string(word, false, rdata);
    case Field::kStrings:
      return read_string(word, true, rdata);
  }
  return {};
}

Wrong read_form(const Form& form, std::span<const RecordWord> words, Rdata& rdata) {
  std::size_t field = 0;
  for (const RecordWord& word : words) {
    if (field == form.fields.size()) return fmt::format("{} is unexpected here", quote(word.text));
    if (auto wrong = read_field(form.fields[field], word.text, rdata); !wrong.empty()) return wrong;
    if (form.fields[field] != Field::kStrings) ++field;
  }
  const bool strings = form.fields[0] == Field::kStrings;
  const bool complete = field == form.fields.size() || form.fields[field] == Field::kEnd;
  if (strings ? words.empty() : !complete) return "data is missing after the type";
  return {};
}

/// `\# LENGTH HEX...` (RFC 3597 section 5).
Wrong read_unknown(std::span<const RecordWord> words, Rdata& rdata) {
  if (words.size() < 2 || words[0].quoted || words[0].text != "\\#")
    return "this type has no other form";
  const auto length = parse_number<std::uint16_t>(words[1].text);
  if (!length) return fmt::format("{} is not a length up to 65535", quote(words[1].text));
  std::string hex;
  for (const RecordWord& word : words.subspan(2)) hex += word.text;
  if (hex.size() % 2 != 0) return "an odd number of hex digits";
  for (std::size_t at = 0; at < hex.size(); at += 2) {
    const std::string_view digits = std::string_view(hex).substr(at, 2);
    const auto byte = parse_number<std::uint8_t>(digits, 16);
    if (!byte) return fmt::format("{} is not a hex byte", quote(digits));
    rdata.push_back(*byte);
  }
  if (*length != rdata.size()) {
    return fmt::format("LENGTH says {} bytes, but there are {}", *length, rdata.size());
  }
  return {};
}

}  // namespace

Result<std::vector<std::uint8_t>> parse_rdata(wire::Type type, std::span<const RecordWord> words) {
  Rdata rdata;
  const auto form = std::ranges::find(kForms, number_of(type), &Form::type);
  const bool known = form != kForms.end();
  const Wrong wrong = known ? read_form(*form, words, rdata) : read_unknown(words, rdata);
  const std::string_view shown = known ? form->shown : "\\# LENGTH HEX";
  if (!wrong.empty()) {
    return fail(fmt::format("{}; the form is NAME [TTL] {} {}", wrong, to_string(type), shown));
  }
  if (rdata.size() > kLargestRdata) {
    return fail(
        fmt::format("{} bytes of data; a reply holds at most {}", rdata.size(), kLargestRdata));
  }
  return rdata;
}

}  // namespace nxgate::policy
