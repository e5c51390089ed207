#include "containers/names.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "containers/container.h"
#include "containers/shared_network.h"

namespace nxgate::containers {
namespace {

constexpr std::string_view kDefaultBridge = "bridge";
constexpr std::string_view kSharedNamespace = "container:";
constexpr std::string_view kTasks = "tasks.";

using Table = std::map<std::string, std::set<IpAddress>>;

/// Another container's place on a network that we are on too.
struct Neighbour {
  const Container& container;
  const Membership& there;
};

/// The container whose network namespace, and so whose networks, this one uses: mostly itself.
const Container* networked(const Container& container, const std::vector<Container>& all) {
  const std::string_view mode = container.network_mode;
  if (!mode.starts_with(kSharedNamespace)) return &container;
  const std::string_view whose = mode.substr(kSharedNamespace.size());
  const auto owner = std::ranges::find_if(
      all, [&](const Container& other) { return other.id == whose || other.name == whose; });
  return owner == all.end() ? &container : &*owner;
}

bool has_names(const Membership& membership) { return membership.network != kDefaultBridge; }

/// A container that is just being started doesn't know the ids of its networks yet.
bool same_network(const Membership& a, const Membership& b) {
  return a.network_id.empty() || b.network_id.empty() ? a.network == b.network
                                                      : a.network_id == b.network_id;
}

/// Everybody on that network; of `container` what was given rather than what is in `all`.
std::vector<Neighbour> neighbours(const Container& container, const Membership& here,
                                  const std::vector<Container>& all) {
  std::vector<Neighbour> found{{container, here}};
  for (const Container& other : all) {
    if (other.id == container.id) continue;
    for (const Membership& there : other.networks) {
      if (same_network(there, here)) found.push_back({other, there});
    }
  }
  return found;
}

bool is_called(const Neighbour& neighbour, const std::string& target) {
  return neighbour.container.id == target || neighbour.container.name == target ||
         std::ranges::find(neighbour.there.names, target) != neighbour.there.names.end();
}

void add(Table& table, const std::string& name, const Membership& place, const Membership& here) {
  if (name.empty()) return;
  table[name].insert(place.addresses.begin(), place.addresses.end());
  table[name + "." + here.network].insert(place.addresses.begin(), place.addresses.end());
}

/// A link hides what else has that name on its network, even while its target is away.
bool is_hidden(const Membership& here, const std::string& name) {
  return std::ranges::find(here.links, name, &Membership::Link::alias) != here.links.end();
}

void add_network(const Container& container, const Membership& here,
                 const std::vector<Container>& all, Table& names, Table& links) {
  for (const Neighbour& neighbour : neighbours(container, here, all)) {
    for (const std::string& name : neighbour.there.names) {
      if (!is_hidden(here, name)) add(names, name, neighbour.there, here);
    }
    for (const Membership::Link& link : here.links) {
      if (is_called(neighbour, link.target)) add(links, link.alias, neighbour.there, here);
    }
  }
}

/// What is known of it beyond this engine; null if it is this engine's alone.
const SharedNetwork* shared_of(const Membership& here, const std::vector<SharedNetwork>& shared) {
  const auto found = std::ranges::find(shared, here.network_id, &SharedNetwork::id);
  return here.network_id.empty() || found == shared.end() ? nullptr : &*found;
}

/// Of whoever is on that network here.
std::set<std::string> stacks_on(const Container& container, const Membership& here,
                                const std::vector<Container>& all) {
  std::set<std::string> stacks;
  for (const Neighbour& neighbour : neighbours(container, here, all)) {
    stacks.insert(neighbour.container.label(kStackLabel));
  }
  stacks.erase("");
  return stacks;
}

/// A stack's service also has the name that its file gives it: the stack's isn't in front of that.
std::vector<std::string> names_of(const SharedNetwork::Member& member,
                                  const std::set<std::string>& stacks) {
  std::vector<std::string> names = member.names;
  if (!member.reverse_name.empty()) return names;  // a container
  for (const std::string& name : member.names) {
    const bool of_tasks = name.starts_with(kTasks);
    const std::string_view service = std::string_view(name).substr(of_tasks ? kTasks.size() : 0);
    for (const std::string& stack : stacks) {
      if (!service.starts_with(stack + "_")) continue;
      names.push_back(std::string(of_tasks ? kTasks : "") +
                      std::string(service.substr(stack.size() + 1)));
    }
  }
  return names;
}

void add_shared(const Membership& here, const SharedNetwork& network,
                const std::set<std::string>& stacks, Table& names) {
  for (const SharedNetwork::Member& member : network.members) {
    const Membership there{.network = {}, .network_id = {}, .addresses = member.addresses};
    for (const std::string& name : names_of(member, stacks)) {
      if (!is_hidden(here, name)) add(names, name, there, here);
    }
  }
}

}  // namespace

std::vector<NamedAddresses> names_for(const Container& container, const std::vector<Container>& all,
                                      const std::vector<SharedNetwork>& shared) {
  const Container& owner = *networked(container, all);
  Table names;
  Table links;
  for (const Membership& here : owner.networks) {
    if (!has_names(here)) continue;
    add_network(owner, here, all, names, links);
    if (const SharedNetwork* const network = shared_of(here, shared)) {
      add_shared(here, *network, stacks_on(owner, here, all), names);
    }
  }
  links.merge(names);  // where both have a name, the link's addresses stay
  std::vector<NamedAddresses> result;
  for (const auto& [name, addresses] : links) {
    if (!addresses.empty()) result.push_back({name, {addresses.begin(), addresses.end()}});
  }
  return result;
}

std::vector<AddressName> reverse_names_for(const Container& container,
                                           const std::vector<Container>& all,
                                           const std::vector<SharedNetwork>& shared) {
  const Container& owner = *networked(container, all);
  std::map<IpAddress, std::string> names;
  for (const Membership& here : owner.networks) {
    if (!has_names(here)) continue;
    for (const Neighbour& neighbour : neighbours(owner, here, all)) {
      if (neighbour.container.name.empty()) continue;
      for (const IpAddress& address : neighbour.there.addresses) {
        names.try_emplace(address, neighbour.container.name + "." + here.network);
      }
    }
    const SharedNetwork* const network = shared_of(here, shared);
    if (network == nullptr) continue;
    for (const SharedNetwork::Member& member : network->members) {
      if (member.reverse_name.empty()) continue;
      for (const IpAddress& address : member.addresses) {
        names.try_emplace(address, member.reverse_name + "." + here.network);
      }
    }
  }
  std::vector<AddressName> result;
  result.reserve(names.size());
  for (const auto& [address, name] : names) result.push_back({address, name});
  return result;
}

std::string unknown_names(const Container& container, const std::vector<Container>& all,
                          const std::vector<SharedNetwork>& shared) {
  for (const Membership& here : networked(container, all)->networks) {
    const SharedNetwork* const network = shared_of(here, shared);
    if (network == nullptr || network->fault.empty()) continue;
    return here.network + ": " + network->fault;
  }
  return {};
}

}  // namespace nxgate::containers
