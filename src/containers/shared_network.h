// A network that spans several engines.
#pragma once

#include <string>
#include <vector>

#include "base/address.h"

namespace nxgate::containers {

/// What this engine knows of such a network, as a Swarm's overlay.
struct SharedNetwork {
  /// A container, on this engine or another, or several of them as a service.
  struct Member {
    std::vector<std::string> names;
    std::vector<IpAddress> addresses;
    std::string reverse_name;  ///< what its addresses are called; empty: they are others' too

    bool operator==(const Member&) const = default;
  };
  std::string id;
  std::vector<Member> members;
  std::string fault;  ///< which names aren't known, and why; empty: all are

  bool operator==(const SharedNetwork&) const = default;
};

}  // namespace nxgate::containers
