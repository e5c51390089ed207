// How much a client may tell the owner of an allowed zone by the names it asks for.
#pragma once

#include <cstdint>
#include <vector>

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

}  // namespace nxgate::policy
