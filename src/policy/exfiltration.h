// How much a client may tell the owner of an allowed zone by the names it asks for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "wire/types.h"

namespace nxgate::policy {

/// What real programs ask for: the common types, and LOC, NAPTR, DS, SSHFP, DNSKEY, TLSA, URI, CAA.
[[nodiscard]] inline std::vector<wire::Type> usual_types() {
  using enum wire::Type;
  return {kA,
          kAaaa,
          kCname,
          kHttps,
          kSvcb,
          kSrv,
          kMx,
          kNs,
          kSoa,
          kPtr,
          kTxt,
          kHinfo,
          wire::Type{29},
          wire::Type{35},
          wire::Type{43},
          wire::Type{44},
          wire::Type{48},
          wire::Type{52},
          wire::Type{256},
          wire::Type{257}};
}

/// The settings of `[policies.NAME.exfiltration]`. Names are judged that lie below their allow
/// rule, since there alone the client chooses what it says.
struct Exfiltration {
  std::uint32_t new_names = 60;      ///< a minute, of a client and a registered domain; 0: no end
  std::uint32_t longest_label = 63;  ///< octets
  std::uint32_t entropy = 400;       ///< bits, of all labels below the rule; 0: no end
  std::vector<wire::Type> types = usual_types();  ///< that may be asked for; empty for any

  bool operator==(const Exfiltration&) const = default;
};

/// What limits look at.
struct Asked {
  Bytes labels;                    ///< those that the client chose, in wire form
  std::optional<wire::Type> type;  ///< nothing for a bare name
};

/// One limit: a row of `kLimits`. Reading it, its documentation, what two policies have in common
/// and why a name was denied come from there.
struct Limit {
  struct Number {
    std::uint32_t Exfiltration::* member;
    std::uint32_t least;  ///< 0: which means unlimited
    std::uint32_t most;
  };
  using Types = std::vector<wire::Type> Exfiltration::*;

  std::string_view key;       ///< in the configuration and in reasons
  std::string_view fallback;  ///< as TOML
  std::string_view doc;
  std::variant<Number, Types> value;
  /// Whether a question exceeds it; null if the question alone doesn't tell.
  bool (*exceeds)(const Exfiltration& limits, const Asked& asked) noexcept = nullptr;
  bool nodata = false;  ///< what exceeds it is answered NODATA, not denied
};

inline constexpr std::size_t kLimitCount = 4;
extern const std::array<Limit, kLimitCount> kLimits;
/// The one that the question alone doesn't tell (engine/name_budget.h).
extern const Limit& kNewNames;

/// The first limit that a question exceeds, `kNewNames` left aside; null for none. Never throws;
/// any thread.
[[nodiscard]] const Limit* exceeded_limit(const Exfiltration& limits, const Asked& asked) noexcept;

/// What both allow.
[[nodiscard]] Exfiltration stricter(const Exfiltration& one, const Exfiltration& other);

/// The labels of `name` in front of `suffix`, in wire form; empty if there are none. `suffix` must
/// be one, with its zero octet.
[[nodiscard]] Bytes labels_below(Bytes name, Bytes suffix) noexcept;

/// Shannon's entropy of the octets of labels in wire form, their lengths left out, in bits.
[[nodiscard]] double entropy_of(Bytes labels) noexcept;

}  // namespace nxgate::policy
