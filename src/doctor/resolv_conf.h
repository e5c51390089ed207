// resolv.conf(5) as a container's programs read it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/clock.h"

namespace nxgate::doctor {

/// A server that Docker's resolver asks, by the comment `# ExtServers: [...]` that engines from 26
/// on leave.
struct ExternalServer {
  IpAddress address;
  bool from_host = false;  ///< `host(ADDR)`: asked from the engine host's namespace

  bool operator==(const ExternalServer&) const = default;
};

struct ResolvConf {
  std::vector<IpAddress> servers;  ///< the first three, as libc takes them
  std::vector<std::string> search;
  Milliseconds timeout{5000};
  int attempts = 2;
  int ndots = 1;
  std::vector<ExternalServer> external;
  bool lists_external = false;  ///< that comment is there, whatever it lists
};

/// How long libc waits for the server of this index before it goes on to the next: glibc doubles
/// the time with each, and from the second on divides it by their number.
[[nodiscard]] Milliseconds patience_with(const ResolvConf& conf, std::size_t index);

/// What libc makes of it; what is no setting is passed over, and a lookup asks at least once and
/// for a second.
[[nodiscard]] ResolvConf parse_resolv_conf(std::string_view text);

}  // namespace nxgate::doctor
