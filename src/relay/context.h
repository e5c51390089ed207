// What the sessions of one thread work with.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "base/client_key.h"
#include "base/shares.h"
#include "base/snapshot.h"
#include "engine/observer.h"
#include "engine/snapshot.h"
#include "relay/onward_pass.h"
#include "relay/onward_sockets.h"
#include "relay/pipes.h"
#include "sys/netns.h"
#include "telemetry/connection_counters.h"

namespace nxgate::relay {

/// Where connections come from.
struct Place {
  sys::NetnsRef netns;
  std::string policy;  ///< by what a snapshot knows it
  /// All that connect there, if it is a namespace of its own; else the address tells them apart.
  ClientKey client{};
};

/// Bounds that all threads share. Any thread.
struct Room {
  explicit Room(std::size_t most) : connections(most) {}

  Shares connections;
  /// Octets that are held back until there is a decision.
  Shares unread{64UL << 20};
  std::atomic<std::uint64_t> last_number{0};
};

class Session;

/// Outlives the sessions of its thread.
struct Context {
  boost::asio::io_context& loop;
  const SnapshotCell<engine::Snapshot>& snapshots;
  Room& room;
  engine::Observer& observer;
  OnwardPasses& passes;
  OnwardSockets& sockets;
  PipePool pipes{};
  telemetry::ConnectionCounters counters{};
  std::list<Session*> sessions{};    ///< each puts itself in and takes itself out
  std::atomic<std::size_t> open{0};  ///< those, and those on their way to the thread; any thread
};

}  // namespace nxgate::relay
