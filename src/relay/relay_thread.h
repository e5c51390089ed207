// One thread of the relay.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "base/address.h"
#include "base/client_key.h"
#include "base/snapshot.h"
#include "engine/connection_event.h"
#include "engine/observer.h"
#include "engine/snapshot.h"
#include "helper/confinement.h"
#include "relay/context.h"
#include "relay/onward_pass.h"
#include "relay/session.h"
#include "sys/descriptor.h"
#include "telemetry/connection_counters.h"

namespace nxgate::relay {

/// A loop with sessions. Made and destroyed by the main thread; what it does in between happens on
/// its own.
class RelayThread {
 public:
  RelayThread(const SnapshotCell<engine::Snapshot>& snapshots, Room& room,
              engine::Observer& observer);
  RelayThread(const RelayThread&) = delete;
  RelayThread& operator=(const RelayThread&) = delete;

  /// Returns once it can do little else than serve.
  void run(helper::Confinement confinement);
  /// Ends all sessions and the thread.
  void stop();

  /// For listeners; they and their handlers belong to this thread.
  [[nodiscard]] boost::asio::io_context& loop() noexcept { return loop_; }

  // Any thread:
  /// A connection whose client has taken its part of Room::connections.
  void adopt(sys::Descriptor connection, std::shared_ptr<const Place> place, ClientKey counted,
             const Endpoint& client, const Endpoint& to);
  /// Ends all that came by that place.
  void end(const std::shared_ptr<const Place>& place);
  /// Judges all again.
  void review();
  /// Calls this, in its turn, with what is open.
  void list(std::function<void(std::vector<engine::ConnectionEvent>)> take);
  [[nodiscard]] const telemetry::ConnectionCounters& counters() const noexcept {
    return context_.counters;
  }
  /// How many sessions it has, or is about to.
  [[nodiscard]] std::size_t open() const noexcept { return context_.open; }

 private:
  void for_each(const std::function<void(Session&)>& action);

  Context context_;  ///< outlives the loop, whose handlers have sessions
  boost::asio::io_context loop_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  OnwardPasses passes_{loop_};
  OnwardSockets sockets_{loop_};
  std::jthread thread_;
};

}  // namespace nxgate::relay
