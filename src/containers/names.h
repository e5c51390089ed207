// The names that Docker's own resolver would answer in a container.
#pragma once

#include <string>
#include <vector>

#include "base/address.h"
#include "containers/container.h"

namespace nxgate::containers {

struct NamedAddresses {
  std::string name;                  ///< `db`, `db.app_net`, an alias, a short id
  std::vector<IpAddress> addresses;  ///< of all that bear it, without duplicates

  bool operator==(const NamedAddresses&) const = default;
};

/// Everyone on the networks of `container`, itself included, by each of their names, alone and with
/// the network's name behind (`db.app_net`), and its links. The default bridge has no names.
/// Sorted by name, so that two results can be compared.
[[nodiscard]] std::vector<NamedAddresses> names_for(const Container& container,
                                                    const std::vector<Container>& all);

/// What an address of a neighbour is called in reverse: `NAME.NETWORK`, as Docker says it.
struct AddressName {
  IpAddress address;
  std::string name;

  bool operator==(const AddressName&) const = default;
};
[[nodiscard]] std::vector<AddressName> reverse_names_for(const Container& container,
                                                         const std::vector<Container>& all);

}  // namespace nxgate::containers
