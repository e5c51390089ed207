#include "base/special_addresses.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "base/address.h"
#include "base/bytes.h"

namespace nxgate {
namespace {

using enum GloballyReachable;

/// https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry, row
/// by row and in their order, but for ::ffff:0:0/96, which is IPv4 here; then ranges of
/// iana-ipv4-address-space, ipv6-address-space and of the registries of multicast addresses. What
/// the registries leave open: a deprecated range serves nobody, so it is private, but 6to4 leads to
/// the IPv4 address that it holds.
constexpr auto kRanges = std::to_array<SpecialRange>({
    {"0.0.0.0/8", "This network", "RFC 791", kNo, true},
    {"0.0.0.0/32", "This host on this network", "RFC 1122", kNo, true},
    {"10.0.0.0/8", "Private-Use", "RFC 1918", kNo, true},
    {"100.64.0.0/10", "Shared Address Space", "RFC 6598", kNo, true},
    {"127.0.0.0/8", "Loopback", "RFC 1122", kNo, true},
    {"169.254.0.0/16", "Link Local", "RFC 3927", kNo, true},
    {"172.16.0.0/12", "Private-Use", "RFC 1918", kNo, true},
    {"192.0.0.0/24", "IETF Protocol Assignments", "RFC 6890", kNo, true},
    {"192.0.0.0/29", "IPv4 Service Continuity Prefix", "RFC 7335", kNo, true},
    {"192.0.0.8/32", "IPv4 dummy address", "RFC 7600", kNo, true},
    {"192.0.0.9/32", "Port Control Protocol Anycast", "RFC 7723", kYes, false},
    {"192.0.0.10/32", "Traversal Using Relays around NAT Anycast", "RFC 8155", kYes, false},
    {"192.0.0.170/32", "NAT64/DNS64 Discovery", "RFC 8880", kNo, true},
    {"192.0.0.171/32", "NAT64/DNS64 Discovery", "RFC 8880", kNo, true},
    {"192.0.2.0/24", "Documentation (TEST-NET-1)", "RFC 5737", kNo, true},
    {"192.31.196.0/24", "AS112-v4", "RFC 7535", kYes, false},
    {"192.52.193.0/24", "AMT", "RFC 7450", kYes, false},
    {"192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", "RFC 7526", kEnded, true},
    {"192.88.99.2/32", "6a44-relay anycast address", "RFC 6751", kNo, true},
    {"192.168.0.0/16", "Private-Use", "RFC 1918", kNo, true},
    {"192.175.48.0/24", "Direct Delegation AS112 Service", "RFC 7534", kYes, false},
    {"198.18.0.0/15", "Benchmarking", "RFC 2544", kNo, true},
    {"198.51.100.0/24", "Documentation (TEST-NET-2)", "RFC 5737", kNo, true},
    {"203.0.113.0/24", "Documentation (TEST-NET-3)", "RFC 5737", kNo, true},
    {"240.0.0.0/4", "Reserved", "RFC 1112", kNo, true},
    {"255.255.255.255/32", "Limited Broadcast", "RFC 8190", kNo, true},

    {"::1/128", "Loopback Address", "RFC 4291", kNo, true},
    {"::/128", "Unspecified Address", "RFC 4291", kNo, true},
    {"64:ff9b::/96", "IPv4-IPv6 Translation", "RFC 6052", kYes, false},
    {"64:ff9b:1::/48", "IPv4-IPv6 Translation", "RFC 8215", kNo, true},
    {"100::/64", "Discard-Only Address Block", "RFC 6666", kNo, true},
    {"100:0:0:1::/64", "Dummy IPv6 Prefix", "RFC 9780", kNo, true},
    {"2001::/23", "IETF Protocol Assignments", "RFC 2928", kNo, true},
    {"2001::/32", "TEREDO", "RFC 4380", kNotApplicable, true},
    {"2001:1::1/128", "Port Control Protocol Anycast", "RFC 7723", kYes, false},
    {"2001:1::2/128", "Traversal Using Relays around NAT Anycast", "RFC 8155", kYes, false},
    {"2001:1::3/128", "DNS-SD Service Registration Protocol Anycast", "RFC 9665", kYes, false},
    {"2001:2::/48", "Benchmarking", "RFC 5180", kNo, true},
    {"2001:3::/32", "AMT", "RFC 7450", kYes, false},
    {"2001:4:112::/48", "AS112-v6", "RFC 7535", kYes, false},
    {"2001:10::/28", "Deprecated (previously ORCHID)", "RFC 4843", kEnded, true},
    {"2001:20::/28", "ORCHIDv2", "RFC 7343", kYes, false},
    {"2001:30::/28", "Drone Remote ID Protocol Entity Tags (DETs) Prefix", "RFC 9374", kYes, false},
    {"2001:db8::/32", "Documentation", "RFC 3849", kNo, true},
    {"2002::/16", "6to4", "RFC 3056", kNotApplicable, false},
    {"2620:4f:8000::/48", "Direct Delegation AS112 Service", "RFC 7534", kYes, false},
    {"3fff::/20", "Documentation", "RFC 9637", kNo, true},
    {"5f00::/16", "Segment Routing (SRv6) SIDs", "RFC 9602", kNo, true},
    {"fc00::/7", "Unique-Local", "RFC 4193", kNo, true},
    {"fe80::/10", "Link-Local Unicast", "RFC 4291", kNo, true},

    {"224.0.0.0/4", "Multicast", "RFC 5771", kNotListed, true},
    {"fec0::/10", "Deprecated (Site-Local Unicast)", "RFC 3879", kNotListed, true},
    {"ff00::/8", "Multicast", "RFC 4291", kNotListed, true},
});

constexpr std::array<std::uint8_t, 4> kLast{12, 13, 14, 15};
using Octets = std::array<std::uint8_t, 16>;

/// The mask of the first `size` octets.
constexpr Octets first(std::size_t size) {
  Octets mask{};
  for (std::size_t i = 0; i < size; ++i) mask[i] = 0xff;
  return mask;
}

/// ISATAP's stand behind any 64 bits, with the bit "universal" or without.
constexpr Octets kIsatap{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x5e, 0xfe};
constexpr Octets kIsatapMask{0, 0, 0, 0, 0, 0, 0, 0, 0xfd, 0xff, 0xff, 0xff};
constexpr Octets kLocal{0, 0x64, 0xff, 0x9b, 0, 1};

/// 64:ff9b:1::/48 is for prefixes of any length that RFC 6052 section 2.2 has, from 48 on; which of
/// them a network uses can't be seen. The octet in the middle (8) is zero in all but the last.
constexpr auto kEmbeddings = std::to_array<Embedding>({
    {"IPv4-compatible", "::192.0.2.33", "RFC 4291 section 2.5.5.1", {}, first(12), kLast, 0},
    {"IPv4-translated (SIIT)",
     "::ffff:0:192.0.2.33",
     "RFC 2765 section 2.1",
     {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
     first(12),
     kLast,
     0},
    {"NAT64",
     "64:ff9b::192.0.2.33",
     "RFC 6052 section 2.1",
     {0, 0x64, 0xff, 0x9b},
     first(12),
     kLast,
     0},
    {"NAT64 of a network, /48",
     "64:ff9b:1:c000:2:2100::",
     "RFC 8215, RFC 6052 section 2.2",
     kLocal,
     first(6),
     {6, 7, 9, 10},
     0},
    {"NAT64 of a network, /56",
     "64:ff9b:1:c0:0:221::",
     "RFC 8215, RFC 6052 section 2.2",
     kLocal,
     first(6),
     {7, 9, 10, 11},
     0},
    {"NAT64 of a network, /64",
     "64:ff9b:1:0:c0:2:2100:0",
     "RFC 8215, RFC 6052 section 2.2",
     kLocal,
     first(6),
     {9, 10, 11, 12},
     0},
    {"NAT64 of a network, /96", "64:ff9b:1::192.0.2.33", "RFC 8215, RFC 6052 section 2.2", kLocal,
     first(6), kLast, 0},
    {"6to4", "2002:c000:221::1", "RFC 3056 section 2", {0x20, 0x02}, first(2), {2, 3, 4, 5}, 0},
    {"Teredo, its client",
     "2001:0:c633:6401::3fff:fdde",
     "RFC 4380 section 4",
     {0x20, 0x01},
     first(4),
     kLast,
     0xff},
    {"Teredo, its server",
     "2001:0:c000:221::",
     "RFC 4380 section 4",
     {0x20, 0x01},
     first(4),
     {4, 5, 6, 7},
     0},
    {"ISATAP", "2606:4700::5efe:192.0.2.33", "RFC 5214 section 6.1", kIsatap, kIsatapMask, kLast,
     0},
});

struct ParsedRange {
  Prefix prefix;
  bool is_private;
};

/// By family, the narrowest first.
std::vector<ParsedRange> parsed(bool ipv4) {
  std::vector<ParsedRange> ranges;
  for (const SpecialRange& row : kRanges) {
    const Prefix prefix = Prefix::parse(row.range).value();
    if (prefix.address().is_v4() == ipv4) ranges.push_back({prefix, row.is_private});
  }
  std::ranges::sort(ranges, std::ranges::greater(),
                    [](const ParsedRange& each) { return each.prefix.length(); });
  return ranges;
}

bool has_form(Bytes address, const Embedding& form) noexcept {
  for (std::size_t i = 0; i < address.size(); ++i) {
    if ((address[i] & form.mask[i]) != form.value[i]) return false;
  }
  return true;
}

std::string_view text_of(GloballyReachable reachable) noexcept {
  switch (reachable) {
    case kNo:
      return "no";
    case kYes:
      return "yes";
    case kNotApplicable:
      return "n/a";
    case kEnded:
      return "ended";
    case kNotListed:
      return "not listed";
  }
  return "";
}

}  // namespace

std::span<const SpecialRange> special_ranges() noexcept { return kRanges; }

std::span<const Embedding> embeddings() noexcept { return kEmbeddings; }

bool is_private(const IpAddress& address) noexcept {
  static const std::vector<ParsedRange> kIpv4 = parsed(true);
  static const std::vector<ParsedRange> kIpv6 = parsed(false);
  for (const ParsedRange& range : address.is_v4() ? kIpv4 : kIpv6) {
    if (range.prefix.contains(address)) return range.is_private;
  }
  return false;
}

EmbeddedAddresses::EmbeddedAddresses(const IpAddress& address) noexcept {
  if (address.is_v4() || address.is_unspecified() || address.is_loopback()) return;
  const Bytes bytes = address.bytes();
  for (const Embedding& form : kEmbeddings) {
    if (count_ == found_.size() || !has_form(bytes, form)) continue;
    std::array<std::uint8_t, 4> four{};
    for (std::size_t i = 0; i < four.size(); ++i) {
      four[i] = static_cast<std::uint8_t>(bytes[form.at[i]] ^ form.flipped);
    }
    found_[count_++] = IpAddress::v4(four);
  }
}

std::string special_addresses_page() {
  std::string page =
      "| Range | Name | Source | Globally reachable | Private |\n|---|---|---|---|---|\n";
  for (const SpecialRange& row : kRanges) {
    page += fmt::format("| `{}` | {} | {} | {} | {} |\n", row.range, row.name, row.source,
                        text_of(row.reachable), row.is_private ? "yes" : "no");
  }
  page += "\n| Embeds an IPv4 address | 192.0.2.33 in it | Source |\n|---|---|---|\n";
  page += "| IPv4-mapped | `::ffff:192.0.2.33` | RFC 4291 section 2.5.5.2 |\n";
  for (const Embedding& form : kEmbeddings) {
    page += fmt::format("| {} | `{}` | {} |\n", form.name, form.example, form.source);
  }
  return page;
}

}  // namespace nxgate
