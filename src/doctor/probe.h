// Asking servers from inside a network namespace, as its programs would.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "sys/netns.h"
#include "wire/types.h"

namespace nxgate::doctor {

enum class Reaction : std::uint8_t {
  kSilent = 0,  ///< nothing came back in time
  kAnswered,
  kRefused,  ///< ICMP port unreachable
  kNoRoute,  ///< the namespace has no way there
  kBlocked,  ///< a rule in the namespace dropped the query
  kFailed,   ///< any other error
};

struct ProbeResult {
  Endpoint server;
  Reaction reaction = Reaction::kSilent;
  wire::Rcode rcode{};      ///< for kAnswered
  Milliseconds elapsed{0};  ///< until the answer or the error; the patience for kSilent
};

/// Sends one A question to each server over UDP, all at once, and waits at most `patience` for all
/// of them. Results in the order of `servers`.
[[nodiscard]] Result<std::vector<ProbeResult>> probe(const sys::NetnsRef& netns,
                                                     const std::vector<Endpoint>& servers,
                                                     std::string_view name, Milliseconds patience);

/// Whether IPv4 or IPv6 of that namespace has a default route.
struct DefaultRoutes {
  bool v4 = false;
  bool v6 = false;
};
[[nodiscard]] Result<DefaultRoutes> default_routes(const sys::NetnsRef& netns);

}  // namespace nxgate::doctor
