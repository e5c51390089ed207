// What the engine tells about a container, as far as names and namespaces are concerned.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/address.h"
#include "base/error.h"

namespace nxgate::docker {

/// A container's place on one network.
struct Membership {
  std::string network;  ///< its name
  std::string network_id;
  std::vector<IpAddress> addresses;  ///< IPv4, IPv6, or none while it is being connected
  /// By which others on this network find it: container name, short id, aliases. Never empty for a
  /// container that was inspected.
  std::vector<std::string> names;
  /// What this container alone calls others here (`--link db:database`).
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

struct Container {
  std::string id;    ///< 64 hexadecimal digits
  std::string name;  ///< without the leading slash
  bool running = false;
  bool inspected = false;  ///< false: from the list, which lacks pid, aliases, links and privileges
  pid_t pid = 0;           ///< of its first process, in the engine's pid namespace; 0: not running
  std::string image;       ///< its id
  std::map<std::string, std::string> labels;  ///< its own, once they were told apart (image.h)
  std::map<std::string, std::string> image_labels;  ///< those that are its image's
  std::string image_fault;   ///< why it isn't known which are whose; empty: it is known
  std::string network_mode;  ///< `host`, `none`, `container:ID`, `default`, or a network
  std::string sandbox;       ///< the namespace's file, by the engine's own view; may be empty
  bool privileged = false;
  std::vector<std::string> added_capabilities;  ///< without `CAP_`, upper case: `NET_ADMIN`, `ALL`
  std::vector<Membership> networks;

  /// Why it can undo whatever is done in its namespace: `is privileged`, `has NET_ADMIN`; empty if
  /// it can't.
  [[nodiscard]] std::string power_to_undo() const;
  /// The value of a label of its own; empty without it.
  [[nodiscard]] std::string label(const std::string& key) const;
  bool operator==(const Container&) const = default;
};

/// Reads `GET /containers/{id}/json`. The error says what is missing or of the wrong kind.
[[nodiscard]] Result<Container> parse_inspect(std::string_view json);

/// Reads `GET /containers/json`.
[[nodiscard]] Result<std::vector<Container>> parse_list(std::string_view json);

/// One line of `GET /events`.
struct Event {
  std::string type;       ///< `container` or `network`
  std::string action;     ///< `start`, `die`, `connect` ...
  std::string container;  ///< its id; empty for events of other things
};
[[nodiscard]] Result<Event> parse_event(std::string_view json);

}  // namespace nxgate::docker
