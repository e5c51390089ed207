#include <array>
#include <cstdint>
#include <span>

#include <toml++/toml.h>

#include "config/context.h"
#include "config/fields.h"
#include "config/reading.h"
#include "config/value.h"
#include "policy/exfiltration.h"

namespace nxgate::config {
namespace {

void read_types(Reading& reading, const toml::node& node, policy::Exfiltration& into) {
  into.types.clear();
  reading.each(node, [&](const Text& text) {
    const auto type = parse_record_type(text.value);
    if (!type) return reading.context.fault(text.at, type.error().message);
    into.types.push_back(*type);
  });
}

constexpr std::array<Field<policy::Exfiltration>, 4> kExfiltration{{
    {"new-names", "number", "60",
     "New names per minute, for each client and registered domain; 0 = unlimited. An attached "
     "container is one client, also after a restart, and so is an attached namespace by its name, "
     "and all that ask by listeners with the same policy; else an address is, or all of loopback, "
     "or an IPv6 /64.",
     read_value<&policy::Exfiltration::new_names, parse_within<0, 1'000'000>>},
    {"longest-label", "number", "63", "Octets in one label.",
     read_value<&policy::Exfiltration::longest_label, parse_within<1, 63>>},
    {"entropy", "number", "400",
     "Bits of Shannon entropy in all labels below the rule; 0 = unlimited. 32 random hexadecimal "
     "digits have about 120 bits, a name of a DNS tunnel has 500 or more.",
     read_value<&policy::Exfiltration::entropy, parse_within<0, 2000>>},
    {"types", "list of types",
     R"(["A", "AAAA", "CNAME", "HTTPS", "SVCB", "SRV", "MX", "NS", "SOA", "PTR", "TXT", "HINFO", )"
     R"("LOC", "NAPTR", "DS", "SSHFP", "DNSKEY", "TLSA", "URI", "CAA"])",
     "Record types that may be queried; others are answered NODATA. Empty for all types.",
     read_types},
}};

}  // namespace

std::span<const Field<policy::Exfiltration>> exfiltration_fields() { return kExfiltration; }

}  // namespace nxgate::config
