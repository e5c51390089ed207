// Keeping an up-to-date view of the engine's running containers.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "containers/engine.h"
#include "docker/client.h"
#include "docker/container_reader.h"

namespace nxgate::docker {

using containers::Observer;
using containers::View;

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
