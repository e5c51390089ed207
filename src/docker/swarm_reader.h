// Reading what the engine says of a Swarm's networks and services.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nxgate::docker {

/// A network as `GET /networks/{id}?verbose=true` describes it. Every node tells what the network
/// has on all nodes, not managers alone.
struct NetworkSeen {
  struct Task {
    std::string name;  ///< of its container
    std::string address;
  };
  struct Service {
    std::string virtual_address;  ///< empty: its name stands for its tasks (`dnsrr`)
    std::vector<Task> tasks;
  };
  bool shared = false;  ///< of a Swarm
  bool whole = false;   ///< its services were told
  /// By name; the empty one has the containers that belong to none.
  std::map<std::string, Service> services;
};

/// Reads that, in pieces of any size. Bounded in memory (excerpt.h).
class NetworkReader {
 public:
  NetworkReader();
  ~NetworkReader();
  [[nodiscard]] Result<void> write(std::string_view piece);
  [[nodiscard]] Result<NetworkSeen> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Other names of a service, by the network's id. By the service's name.
using ServiceAliases = std::map<std::string, std::map<std::string, std::vector<std::string>>>;

/// Reads them from `GET /services`, in pieces of any size.
class ServicesReader {
 public:
  ServicesReader();
  ~ServicesReader();
  [[nodiscard]] Result<void> write(std::string_view piece);
  [[nodiscard]] Result<ServiceAliases> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nxgate::docker
