// Serving the connections that firewalls redirect.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/client_key.h"
#include "base/error.h"
#include "base/snapshot.h"
#include "engine/connection_event.h"
#include "engine/observer.h"
#include "engine/snapshot.h"
#include "firewall/connection_listeners.h"
#include "helper/confinement.h"
#include "relay/context.h"
#include "relay/relay_thread.h"
#include "sys/netns.h"
#include "telemetry/connection_counters.h"

namespace nxgate::relay {

/// Threads, and the listeners that give them sessions. Main thread, but for `refresh`. When it is
/// destroyed all connections end, and listeners that are left serve nobody.
class Relay final : public firewall::ConnectionListeners {
 public:
  /// `most` connections at a time, of which a client gets no more than is left for others.
  /// A thread for each of `observers`.
  Relay(const SnapshotCell<engine::Snapshot>& snapshots,
        std::span<engine::Observer* const> observers, std::size_t most);
  ~Relay() override;

  /// What is accepted before this waits.
  [[nodiscard]] Result<void> run(helper::Confinement confinement);

  [[nodiscard]] Result<std::unique_ptr<Listener>> open(const sys::NetnsRef& netns,
                                                       const std::string& policy) override;

  /// Judges all connections again, by what is published now. Any thread.
  void refresh();

  /// Calls this on some thread, once, with all that are open.
  void list(std::function<void(std::vector<engine::ConnectionEvent>)> take);

  // Any thread:
  [[nodiscard]] std::size_t open_connections() const noexcept;
  /// Those for which there was no room.
  [[nodiscard]] std::uint64_t turned_away() const noexcept;
  /// Of all threads together, with that policy's slot.
  [[nodiscard]] std::uint64_t results(std::uint8_t policy,
                                      telemetry::ConnectionResult result) const noexcept;
  [[nodiscard]] std::uint64_t octets(telemetry::Direction direction) const noexcept;

 private:
  struct Threads;
  class Served;

  std::shared_ptr<Threads> threads_;  ///< of the listeners too
};

}  // namespace nxgate::relay
