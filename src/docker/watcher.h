// Keeping an up-to-date view of the engine's running containers.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "docker/client.h"
#include "docker/container.h"

namespace nxgate::docker {

/// The running containers, as far as known.
struct View {
  /// As inspected; as listed (Container::inspected) while that isn't done or fails.
  std::vector<Container> running;
  /// Why an inspection failed, by id; some of these may run without being in `running`. They are
  /// inspected again.
  std::map<std::string, std::string> uninspected;
  std::vector<OddEntry> odd;  ///< of the list
  std::string trouble;  ///< why there is no whole list; it is asked for again. Empty: there is
  bool whole = false;   ///< there is one, and everyone in it was inspected or failed to be
  /// By id, who was read before other labels counted (Watcher::keep_labels).
  std::set<std::string> outdated;

  bool operator==(const View&) const = default;
};

/// Receives the reports. Called on the thread that runs the loop.
class Observer {
 public:
  virtual ~Observer() = default;

  /// The engine answers, for the first time or again.
  virtual void on_engine(const EngineVersion& version) = 0;
  /// After something changed.
  virtual void on_containers(const View& view) = 0;
  /// This container was made, changed, stopped or removed: how it starts the next time may be new.
  /// It needn't be in any View. The answer to a list that is asked for now tells of it.
  virtual void on_changed(const std::string& id) = 0;
  /// The engine can't be reached; the last report still applies as far as known.
  virtual void on_engine_lost(const Error& error) = 0;
};

/// How long a Watcher waits.
struct Pace {
  Milliseconds relist{60'000};  ///< lists anew, so that an event which was lost heals
  Milliseconds retry{1'000};  ///< first wait after a failed request, doubled up to `longest_retry`
  Milliseconds longest_retry{60'000};
  Milliseconds gather{250};  ///< a report waits so long at most for inspections under way
};

/// Subscribes to events first, lists then, so that nothing is missed in between, and inspects each
/// container that an event names, many side by side. What fails is tried again by itself; the rest
/// doesn't wait for it. Lists anew from time to time and inspects what differs. When the connection
/// ends, tries again, from 100 ms up to 5 s apart, and reconciles: what stopped meanwhile is gone
/// from the next report. Bursts of events about one container cause one inspection. Runs until it
/// is destroyed.
class Watcher {
 public:
  Watcher(boost::asio::io_context& loop, std::string socket, Observer& observer,
          LabelKeys labels = {}, Pace pace = {});
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  void start();
  /// Other labels count from now on. True: some are new ones, so that everything is read again, and
  /// until then is View::outdated.
  bool keep_labels(const LabelKeys& labels);

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace nxgate::docker
