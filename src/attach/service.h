// What serves inside attached namespaces.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "netfilter/gate.h"
#include "sys/netns.h"

namespace nxgate::attach {

/// Sockets in a namespace, and where the gate redirects to them. Main thread.
class Service {
 public:
  /// Open, but not served yet: what comes waits. Closed when it is destroyed.
  class Sockets {
   public:
    virtual ~Sockets() = default;
    /// Until `serve`.
    [[nodiscard]] virtual netfilter::GatePorts ports() const = 0;
    /// From now on, by the policy of their key, until `end`. At most once.
    virtual void serve() = 0;
  };

  virtual ~Service() = default;

  /// Those of one namespace. `key` names its policy (store::AttachedPolicy).
  [[nodiscard]] virtual Result<std::unique_ptr<Sockets>> open(const sys::NetnsRef& netns,
                                                              const std::string& key) = 0;
  /// Closes those that are served by this key.
  virtual void end(const std::string& key) = 0;
};

}  // namespace nxgate::attach
