// The port to who serves the connections that a firewall redirects.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "sys/netns.h"

namespace nxgate::firewall {

/// Listeners in namespaces for connections that are checked by name. Main thread.
class ConnectionListeners {
 public:
  /// Serves from the start on; destroying it closes it, and ends every connection through it.
  class Listener {
   public:
    virtual ~Listener() = default;
    /// Its ports by IPv4 and IPv6; 0 where there is none.
    [[nodiscard]] virtual std::uint16_t port4() const = 0;
    [[nodiscard]] virtual std::uint16_t port6() const = 0;
  };

  virtual ~ConnectionListeners() = default;

  /// At all addresses of the namespace, since what comes from behind is redirected to that of its
  /// link. `policy` is what engine::Snapshot finds the policy by.
  [[nodiscard]] virtual Result<std::unique_ptr<Listener>> open(const sys::NetnsRef& netns,
                                                               const std::string& policy) = 0;
};

}  // namespace nxgate::firewall
