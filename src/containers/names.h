// The names that Docker's own resolver would answer in a container.
#pragma once

#include <string>
#include <vector>

#include "base/address.h"
#include "containers/container.h"
#include "containers/shared_network.h"

namespace nxgate::containers {

struct NamedAddresses {
  std::string name;                  ///< `db`, `db.app_net`, an alias, a short id
  std::vector<IpAddress> addresses;  ///< of all that bear it, without duplicates

  bool operator==(const NamedAddresses&) const = default;
};

/// Everyone on the networks of `container`, itself included, by each of their names, alone and with
/// the network's name behind (`db.app_net`), and its links. The default bridge has no names. Of
/// networks in `shared` also who is there on other engines, and services.
/// Sorted by name, so that two results can be compared.
[[nodiscard]] std::vector<NamedAddresses> names_for(const Container& container,
                                                    const std::vector<Container>& all,
                                                    const std::vector<SharedNetwork>& shared = {});

/// What an address of a neighbour is called in reverse: `NAME.NETWORK`, as Docker says it.
struct AddressName {
  IpAddress address;
  std::string name;

  bool operator==(const AddressName&) const = default;
};
[[nodiscard]] std::vector<AddressName> reverse_names_for(
    const Container& container, const std::vector<Container>& all,
    const std::vector<SharedNetwork>& shared = {});

/// Which names of its networks aren't known, and why; empty: all are.
[[nodiscard]] std::string unknown_names(const Container& container,
                                        const std::vector<Container>& all,
                                        const std::vector<SharedNetwork>& shared);

}  // namespace nxgate::containers
