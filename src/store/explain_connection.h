// How a connection that says a name would be judged, in words.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "base/error.h"
#include "policy/policy.h"
#include "store/explain.h"
#include "wire/name.h"

namespace nxgate::store {

/// A connection that somebody has in mind.
struct PlannedConnection {
  std::string said;                      ///< the name, or the address that stands for one
  std::optional<wire::DomainName> name;  ///< unset if it is an address
  std::uint16_t port = 443;
  std::optional<IpAddress> address;  ///< where it goes to; unset for any that the client was told
};

/// Reads `NAME`, `NAME:PORT` or an address for a name, and where the connection goes to, which may
/// be empty. The error tells which is wrong.
[[nodiscard]] Result<PlannedConnection> parse_connection(std::string_view said,
                                                         std::string_view address);

struct ConnectionFacts {
  /// One that the name is open at.
  struct Address {
    IpAddress address;
    Milliseconds left{};  ///< until it closes
    std::string verdict;
  };
  Facts facts;
  std::vector<Address> addresses;  ///< only if the connection has none of its own
};

/// Uses the same decision function as the relay. `clients` as for engine::ConnectionQuestion; empty
/// if nobody was told anything, since no server runs. Main thread.
[[nodiscard]] ConnectionFacts explain_connection(const policy::Policy* policy,
                                                 const PlannedConnection& to,
                                                 const std::string& client,
                                                 std::span<const ClientKey> clients, Instant now);

}  // namespace nxgate::store
