// Keeping an up-to-date view of the engine's running containers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "docker/client.h"
#include "docker/container.h"

namespace nxgate::docker {

/// Who is told. Called on the thread that runs the loop.
class Observer {
 public:
  virtual ~Observer() = default;

  /// The engine answers, for the first time or again.
  virtual void on_engine(const EngineVersion& version) = 0;
  /// All running containers, inspected, after something changed.
  virtual void on_containers(const std::vector<Container>& running) = 0;
  /// The engine can't be reached; what was reported last still holds as far as anybody knows.
  virtual void on_engine_lost(const Error& error) = 0;
};

/// Subscribes to events first, lists then, so that nothing is missed in between, and inspects each
/// container that an event names. When the connection ends, tries again, from 100 ms up to 5 s
/// apart, and reconciles: what stopped meanwhile is gone from the next report. Bursts of events
/// about one container cause one inspection. Runs until it is destroyed.
class Watcher {
 public:
  Watcher(boost::asio::io_context& loop, std::string socket, Observer& observer);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  void start();

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace nxgate::docker
