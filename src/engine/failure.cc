#include "engine/failure.h"

#include "engine/upstream.h"
#include "wire/types.h"

namespace nxgate::engine {

FailureWords words_of(UpstreamFailure failure) noexcept {
  switch (failure) {
    case UpstreamFailure::kNone:
      return {wire::Ede::kOther, "no failure"};
    case UpstreamFailure::kNoServers:
      return {wire::Ede::kNoReachableAuthority, "no upstream server is configured"};
    case UpstreamFailure::kTimeout:
      return {wire::Ede::kNoReachableAuthority, "timeout"};
    case UpstreamFailure::kUnreachable:
      return {wire::Ede::kNetworkError, "unreachable"};
    case UpstreamFailure::kBadAnswer:
      return {wire::Ede::kNoReachableAuthority, "no usable answer"};
    case UpstreamFailure::kRemembered:
      return {wire::Ede::kNoReachableAuthority, "failed a moment ago"};
    case UpstreamFailure::kOverload:
      return {wire::Ede::kOther, "too many questions in flight"};
  }
  return {wire::Ede::kOther, {}};
}

}  // namespace nxgate::engine
