#include "wire/types.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/core.h>

namespace nxgate::wire {
namespace {

struct NamedNumber {
  std::string_view name;
  std::uint16_t number;
};

// The IANA registry of resource record types, without the obsolete ones.
constexpr auto kTypes = std::to_array<NamedNumber>({
    {"A", 1},           {"NS", 2},      {"CNAME", 5},   {"SOA", 6},       {"PTR", 12},
    {"HINFO", 13},      {"MX", 15},     {"TXT", 16},    {"RP", 17},       {"AFSDB", 18},
    {"SIG", 24},        {"KEY", 25},    {"AAAA", 28},   {"LOC", 29},      {"SRV", 33},
    {"NAPTR", 35},      {"KX", 36},     {"CERT", 37},   {"DNAME", 39},    {"OPT", 41},
    {"APL", 42},        {"DS", 43},     {"SSHFP", 44},  {"IPSECKEY", 45}, {"RRSIG", 46},
    {"NSEC", 47},       {"DNSKEY", 48}, {"DHCID", 49},  {"NSEC3", 50},    {"NSEC3PARAM", 51},
    {"TLSA", 52},       {"SMIMEA", 53}, {"HIP", 55},    {"CDS", 59},      {"CDNSKEY", 60},
    {"OPENPGPKEY", 61}, {"CSYNC", 62},  {"ZONEMD", 63}, {"SVCB", 64},     {"HTTPS", 65},
    {"SPF", 99},        {"EUI48", 108}, {"EUI64", 109}, {"TKEY", 249},    {"TSIG", 250},
    {"IXFR", 251},      {"AXFR", 252},  {"MAILB", 253}, {"MAILA", 254},   {"ANY", 255},
    {"URI", 256},       {"CAA", 257},   {"AVC", 258},   {"DOA", 259},     {"AMTRELAY", 260},
});

constexpr auto kClasses =
    std::to_array<NamedNumber>({{"IN", 1}, {"CH", 3}, {"HS", 4}, {"ANY", 255}});

constexpr auto kRcodes = std::to_array<NamedNumber>({
    {"NOERROR", 0},
    {"FORMERR", 1},
    {"SERVFAIL", 2},
    {"NXDOMAIN", 3},
    {"NOTIMP", 4},
    {"REFUSED", 5},
    {"YXDOMAIN", 6},
    {"YXRRSET", 7},
    {"NXRRSET", 8},
    {"NOTAUTH", 9},
    {"NOTZONE", 10},
    {"BADVERS", 16},
    {"BADCOOKIE", 23},
});

std::string name_of(const auto& table, std::string_view prefix, std::uint16_t number) {
  const auto found = std::ranges::find(table, number, &NamedNumber::number);
  if (found != std::ranges::end(table)) return std::string(found->name);
  return fmt::format("{}{}", prefix, number);
}

bool same_ignoring_case(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, [](unsigned char a, unsigned char b) {
    return std::toupper(a) == std::toupper(b);
  });
}

}  // namespace

std::string to_string(Type type) {
  return name_of(kTypes, "TYPE", static_cast<std::uint16_t>(type));
}

std::optional<Type> parse_type(std::string_view text) {
  for (const NamedNumber& entry : kTypes) {
    if (same_ignoring_case(entry.name, text)) return Type{entry.number};
  }
  constexpr std::string_view kPrefix = "TYPE";
  if (!same_ignoring_case(text.substr(0, kPrefix.size()), kPrefix)) return std::nullopt;
  const std::string_view digits = text.substr(kPrefix.size());
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return Type{number};
}

std::string to_string(Class qclass) {
  return name_of(kClasses, "CLASS", static_cast<std::uint16_t>(qclass));
}

std::string to_string(Rcode rcode) {
  return name_of(kRcodes, "RCODE", static_cast<std::uint16_t>(rcode));
}

std::string_view name_of_extended_error(std::uint16_t code) noexcept {
  constexpr std::array<std::string_view, 30> kNames{
      "Other",
      "Unsupported DNSKEY Algorithm",
      "Unsupported DS Digest Type",
      "Stale Answer",
      "Forged Answer",
      "DNSSEC Indeterminate",
      "DNSSEC Bogus",
      "Signature Expired",
      "Signature Not Yet Valid",
      "DNSKEY Missing",
      "RRSIGs Missing",
      "No Zone Key Bit Set",
      "NSEC Missing",
      "Cached Error",
      "Not Ready",
      "Blocked",
      "Censored",
      "Filtered",
      "Prohibited",
      "Stale NXDOMAIN Answer",
      "Not Authoritative",
      "Not Supported",
      "No Reachable Authority",
      "Network Error",
      "Invalid Data",
      "Signature Expired before Valid",
      "Too Early",
      "Unsupported NSEC3 Iterations Value",
      "Unable to conform to policy",
      "Synthesized",
  };
  return code < kNames.size() ? kNames[code] : std::string_view();
}

}  // namespace nxgate::wire
