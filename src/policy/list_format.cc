#include "policy/list_format.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/address.h"
#include "policy/words.h"

namespace nxgate::policy {
namespace {

/// Longer headers than that no list has.
constexpr std::size_t kMostLines = 1000;

/// What the line by itself tells.
std::optional<ListFormat> format_of(std::string_view line) {
  WordReader words(line);
  const std::string_view first = words.next().text;
  const std::string_view second = words.next().text;
  const auto begins = [&](std::string_view with) { return first.starts_with(with); };
  if (begins("!") || begins("||") || begins("@@") || begins("[Adblock")) {
    return ListFormat::kAdblock;
  }
  if (begins("$TTL") || begins("$ORIGIN")) return ListFormat::kRpz;
  if (begins("#") || second.empty() || second.starts_with('#')) return std::nullopt;
  if (address_in(first)) return ListFormat::kHosts;
  std::array<std::string_view, 3> after{second, words.next().text, words.next().text};
  const auto is_type = [](std::string_view word) { return word == "CNAME" || word == "SOA"; };
  return std::ranges::any_of(after, is_type) ? std::optional(ListFormat::kRpz) : std::nullopt;
}

/// Whether it has what no list of any format has.
bool is_binary(std::string_view line) {
  return std::ranges::any_of(line, [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return (octet < ' ' && c != '\t' && c != '\r') || octet == 0x7f;
  });
}

}  // namespace

ListForm form_of(std::string_view beginning, std::optional<ListFormat> format) {
  std::string origin;
  LineReader lines(beginning);
  while (const auto line = lines.next_whole()) {
    if (lines.number() > kMostLines || (!format && is_binary(*line))) break;
    if (!format) format = format_of(*line);
    if (format && format != ListFormat::kRpz) break;
    WordReader words(*line);
    if (words.next().text != "$ORIGIN") continue;
    origin = words.next().text;
    break;
  }
  return {format.value_or(ListFormat::kNames), std::move(origin)};
}

std::optional<IpAddress> address_in(std::string_view text) {
  return IpAddress::parse(text.substr(0, text.find('%')));
}

}  // namespace nxgate::policy
