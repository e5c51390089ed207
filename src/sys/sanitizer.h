// Whether this is a build with a sanitizer, which uses system calls and rights that nxgate gives
// up.
#pragma once

namespace nxgate::sys {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NXGATE_SANITIZED
#endif
#endif

#ifdef NXGATE_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace nxgate::sys
