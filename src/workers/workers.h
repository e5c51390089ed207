// All worker threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "helper/confinement.h"
#include "serve/worker_context.h"
#include "telemetry/counters.h"
#include "workers/inherited_listeners.h"
#include "workers/worker.h"

namespace nxgate::workers {

/// The threads and their counters, from opening the sockets to the last answer. Main thread.
class Workers {
 public:
  Workers(Shared& shared, const InheritedListeners& inherited, std::size_t count);

  /// The first worker takes what is open already.
  [[nodiscard]] Result<void> open(std::vector<serve::OpenListener> given);
  [[nodiscard]] Result<void> run(helper::Confinement confinement);
  void stop();

  /// All switch to the published snapshot.
  void refresh();

  /// Makes each thread call `answer` in its loop.
  void ask(const std::function<void()>& answer);

  /// Hands an open listener to the thread that has fewest of its family, so that those of one
  /// policy, for IPv4 and IPv6, are on two threads and each thread has as many policies.
  void adopt(serve::OpenListener open);
  /// Closes the listeners of this policy that were adopted.
  void abandon(const std::string& policy);

  [[nodiscard]] std::size_t size() const noexcept { return workers_.size(); }
  [[nodiscard]] std::string summary() const { return telemetry::summary(counters_); }
  [[nodiscard]] std::uint64_t total(telemetry::Counter counter) const noexcept {
    return telemetry::total(counters_, counter);
  }
  [[nodiscard]] const std::vector<std::unique_ptr<telemetry::Counters>>& counters() const noexcept {
    return counters_;
  }

 private:
  struct Adopted {
    std::string policy;
    bool v4 = false;
    std::size_t worker = 0;
  };

  std::vector<std::unique_ptr<telemetry::Counters>> counters_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<Adopted> adopted_;
};

}  // namespace nxgate::workers
