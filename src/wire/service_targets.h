// The hosts that records of services lead to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::wire {

struct ServiceTarget {
  DomainName name;
  std::uint16_t port = 0;  ///< 0 if the record has none

  bool operator==(const ServiceTarget&) const = default;
};

/// As many of one answer as are looked at.
inline constexpr std::size_t kMostServiceTargets = 64;

/// Whether records of `type` have a target: SRV (RFC 2782), MX (RFC 1035), SVCB and HTTPS (RFC
/// 9460), NAPTR (RFC 3403).
[[nodiscard]] constexpr bool has_service_targets(Type type) noexcept {
  return type == Type::kSrv || type == Type::kMx || type == Type::kSvcb || type == Type::kHttps ||
         type == Type::kNaptr;
}

/// The targets of the records of `type` among the first `answers` of a ScrubbedAnswer's body,
/// without those that are the root, which stands for none or the owner itself.
[[nodiscard]] std::vector<ServiceTarget> service_targets(Bytes body, std::size_t answers,
                                                         Type type);

}  // namespace nxgate::wire
