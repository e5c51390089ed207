#include "policy/exfiltration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "wire/types.h"

namespace nxgate::policy {
namespace {

bool has_long_label(const Exfiltration& limits, const Asked& asked) noexcept {
  const Bytes labels = asked.labels;
  for (std::size_t at = 0; at < labels.size(); at += 1U + labels[at]) {
    if (labels[at] > limits.longest_label) return true;
  }
  return false;
}

bool has_entropy(const Exfiltration& limits, const Asked& asked) noexcept {
  // Most labels aren't long enough even if all their octets differ, and needn't be counted.
  const auto size = static_cast<double>(asked.labels.size());
  const bool may_exceed =
      limits.entropy != 0 && size > 1 && size * std::log2(size) > limits.entropy;
  return may_exceed && entropy_of(asked.labels) > limits.entropy;
}

bool has_other_type(const Exfiltration& limits, const Asked& asked) noexcept {
  return asked.type && !limits.types.empty() &&
         std::ranges::find(limits.types, *asked.type) == limits.types.end();
}

std::uint32_t lower(std::uint32_t one, std::uint32_t other) {
  return one == 0 || (other != 0 && other < one) ? other : one;
}

std::vector<wire::Type> common(const std::vector<wire::Type>& one,
                               const std::vector<wire::Type>& other) {
  if (one.empty()) return other;
  std::vector<wire::Type> both = one;
  if (!other.empty()) {
    std::erase_if(both,
                  [&](wire::Type type) { return std::ranges::find(other, type) == other.end(); });
  }
  // Empty would be any.
  return both.empty() ? std::vector{wire::Type::kA} : both;
}

}  // namespace

constexpr std::array<Limit, kLimitCount> kLimits{{
    {.key = "new-names",
     .fallback = "60",
     .doc =
         "New names per minute, for each client and registered domain; 0 = unlimited. An attached "
         "container is one client, also after a restart, and so is an attached namespace by its "
         "name, and all that ask by listeners with the same policy; else an address is, or all of "
         "loopback, or an IPv6 /64.",
     .value = Limit::Number{&Exfiltration::new_names, 0, 1'000'000}},
    {.key = "longest-label",
     .fallback = "63",
     .doc = "Octets in one label.",
     .value = Limit::Number{&Exfiltration::longest_label, 1, 63},
     .exceeds = has_long_label},
    {.key = "entropy",
     .fallback = "400",
     .doc = "Bits of Shannon entropy in all labels below the rule; 0 = unlimited. 32 random "
            "hexadecimal digits have about 120 bits, a name of a DNS tunnel has 500 or more.",
     .value = Limit::Number{&Exfiltration::entropy, 0, 2000},
     .exceeds = has_entropy},
    {.key = "types",
     .fallback =
         R"(["A", "AAAA", "CNAME", "HTTPS", "SVCB", "SRV", "MX", "NS", "SOA", "PTR", )"
         R"("TXT", "HINFO", "LOC", "NAPTR", "DS", "SSHFP", "DNSKEY", "TLSA", "URI", "CAA"])",
     .doc = "Record types that may be queried; others are answered NODATA. Empty for all types.",
     .value = &Exfiltration::types,
     .exceeds = has_other_type,
     .nodata = true},
}};
constexpr const Limit& kNewNames = kLimits[0];

const Limit* exceeded_limit(const Exfiltration& limits, const Asked& asked) noexcept {
  for (const Limit& limit : kLimits) {
    if (limit.exceeds != nullptr && limit.exceeds(limits, asked)) return &limit;
  }
  return nullptr;
}

Exfiltration stricter(const Exfiltration& one, const Exfiltration& other) {
  Exfiltration both;
  for (const Limit& limit : kLimits) {
    if (const auto* const number = std::get_if<Limit::Number>(&limit.value)) {
      const auto member = number->member;
      both.*member = lower(one.*member, other.*member);
    } else {
      const auto member = std::get<Limit::Types>(limit.value);
      both.*member = common(one.*member, other.*member);
    }
  }
  return both;
}

Bytes labels_below(Bytes name, Bytes suffix) noexcept {
  return name.first(name.size() - std::min(suffix.size(), name.size()));
}

double entropy_of(Bytes labels) noexcept {
  std::array<std::uint16_t, 256> counts{};
  double octets = 0;
  for (std::size_t at = 0; at < labels.size(); at += 1U + labels[at]) {
    const Bytes label =
        labels.subspan(at + 1, std::min<std::size_t>(labels[at], labels.size() - at - 1));
    for (const std::uint8_t octet : label) ++counts[octet];
    octets += static_cast<double>(label.size());
  }
  double bits = 0;
  for (const std::uint16_t count : counts) {
    if (count != 0) bits += count * std::log2(octets / count);
  }
  return bits;
}

}  // namespace nxgate::policy
