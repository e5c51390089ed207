// A container as an engine describes it, as far as names and namespaces are concerned.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/address.h"

namespace nxgate::containers {

/// A container's membership in one network.
struct Membership {
  std::string network;  ///< its name
  std::string network_id;
  std::vector<IpAddress> addresses;  ///< IPv4, IPv6, or none while it is being connected
  /// The names by which others on this network find it: container name, short id, aliases. Never
  /// empty for a container that was inspected.
  std::vector<std::string> names;
  /// Names that only this container uses for others here (`--link db:database`).
  struct Link {
    std::string target;  ///< name or id of a container
    std::string alias;

    bool operator==(const Link&) const = default;
  };
  std::vector<Link> links;

  bool operator==(const Membership&) const = default;
};

inline constexpr const char* kProjectLabel = "com.docker.compose.project";
inline constexpr const char* kServiceLabel = "com.docker.compose.service";
/// Compose 2 puts the id of the image there, with which it has made the container.
inline constexpr const char* kComposeImageLabel = "com.docker.compose.image";

/// The stack that `docker stack deploy` made a service's container for.
inline constexpr const char* kStackLabel = "com.docker.stack.namespace";

struct Container {
  std::string id;    ///< 64 hexadecimal digits
  std::string name;  ///< without the leading slash
  bool running = false;
  bool inspected = false;  ///< false: from the list, which lacks pid, aliases, links and privileges
  pid_t pid = 0;           ///< of its first process, in the engine's pid namespace; 0: not running
  std::string image;       ///< its id
  /// Those that were asked for; its own, once they were told apart from its image's.
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> image_labels;  ///< those that are its image's
  std::string image_fault;   ///< why it isn't known which are whose; empty: it is known
  std::string network_mode;  ///< `host`, `none`, `container:ID`, `default`, or a network
  std::string sandbox;       ///< the namespace's file, by the engine's own view; may be empty
  bool privileged = false;
  std::vector<std::string> added_capabilities;  ///< without `CAP_`, upper case: `NET_ADMIN`, `ALL`
  std::vector<Membership> networks;
  std::string cut;  ///< what of it is left out for its size, in words; empty: nothing

  /// Why it can undo changes in its namespace: `is privileged`, `has NET_ADMIN`; empty if
  /// it can't.
  [[nodiscard]] std::string power_to_undo() const;
  /// The value of a label of its own; empty without it.
  [[nodiscard]] std::string label(const std::string& key) const;
  /// The id of the container whose network namespace it shares; empty if it has its own.
  [[nodiscard]] std::string namespace_owner() const;
  bool operator==(const Container&) const = default;
};

inline constexpr std::size_t kIdLength = 64;
/// As many of an id's digits as people and engines use.
inline constexpr std::size_t kShortId = 12;

/// 64 hexadecimal digits.
[[nodiscard]] bool is_container_id(std::string_view text);

/// Which labels are kept; a container may have any number of others.
using LabelKeys = std::set<std::string, std::less<>>;

/// These and what Compose and stacks say of their containers, which is always kept.
[[nodiscard]] LabelKeys with_compose(LabelKeys labels);

/// An invalid entry of the list.
struct OddEntry {
  std::string id;    ///< as it is given, the first 64 octets; may be empty
  std::string name;  ///< may be empty
  std::string why;

  bool operator==(const OddEntry&) const = default;
};

struct ContainerList {
  std::vector<Container> containers;
  std::vector<OddEntry> odd;
};

/// At most so many containers are handled; the rest are one odd entry.
inline constexpr std::size_t kMostContainers = 16'384;

}  // namespace nxgate::containers
