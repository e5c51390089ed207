// What a name was asked for: something a policy should allow, or the noise around it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "learn/record.h"
#include "wire/name.h"

namespace nxgate::learn {

enum class Kind : std::uint8_t {
  kWanted = 0,
  kService,    ///< labels beginning with `_`: SRV, DMARC
  kTime,       ///< an NTP server
  kReverse,    ///< below in-addr.arpa and ip6.arpa
  kSearch,     ///< a name with a search domain of the resolver behind it, which never existed
  kMissing,    ///< never existed
  kFailed,     ///< upstream never answered
  kUnwritable  ///< no rule can name it
};

struct KindWords {
  std::string_view word;   ///< in JSON
  std::string_view title;  ///< over the names in a list
};
inline constexpr std::array<KindWords, 8> kKindWords{{
    {"wanted", "Wanted"},
    {"service", "Services (labels with _: SRV, DMARC)"},
    {"time", "Time servers (NTP)"},
    {"reverse", "Reverse lookups of addresses"},
    {"search", "Names that never existed, produced by the search domain"},
    {"missing", "Names that never existed"},
    {"failed", "Names without an answer from upstream"},
    {"unwritable", "Names that can't be written as rules"},
}};
[[nodiscard]] constexpr const KindWords& words_of(Kind kind) noexcept {
  return kKindWords[static_cast<std::size_t>(kind)];
}

/// The kind of a name; `search_domain` says whether one was found behind it.
[[nodiscard]] Kind kind_of(const wire::DomainName& name, const Sighting& sighting,
                           bool search_domain);

/// For each of the record's names the search domain behind it. A name N has one if it never existed
/// and is M.S, where M was asked for too, and S stands behind two such M at least or behind nothing
/// that exists. The longest such M counts.
[[nodiscard]] std::vector<std::optional<wire::DomainName>> find_search_domains(
    const Record& record, std::span<const Record::Named> names);

}  // namespace nxgate::learn
