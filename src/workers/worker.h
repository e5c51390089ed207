// One worker thread.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/snapshot.h"
#include "cache/cache.h"
#include "engine/engine.h"
#include "engine/name_budget.h"
#include "engine/snapshot.h"
#include "forward/forwarder.h"
#include "helper/confinement.h"
#include "observe/hub.h"
#include "serve/dns_server.h"
#include "serve/handler.h"
#include "serve/limits.h"
#include "serve/rate_limit.h"
#include "serve/worker_context.h"
#include "telemetry/counters.h"

namespace nxgate::workers {

/// What all workers share; it outlives them. The hub has as many observers again, for who else is
/// to be seen.
struct Shared {
  Shared(const SnapshotCell<engine::Snapshot>& published, const cache::Limits& cache_limits,
         const serve::TcpLimits& limits, const serve::RateLimits& rate_limits, std::size_t workers)
      : snapshots(published),
        cache(cache_limits),
        hub(2 * workers),
        tcp_limits(limits),
        tcp(limits) {
    if (rate_limits.queries_per_second != 0) rate_limit.emplace(rate_limits);
  }

  const SnapshotCell<engine::Snapshot>& snapshots;
  cache::Cache cache;
  observe::Hub hub;
  forward::Shared forwarding;
  engine::NameBudget budget;
  serve::TcpLimits tcp_limits;
  serve::TcpRoom tcp;
  std::optional<serve::RateLimit> rate_limit;
};

/// A loop, an engine, a forwarder and the sockets of one thread. Made, opened and destroyed by the
/// main thread; everything in between happens on its own.
class Worker {
 public:
  /// The first, of number 0, reports for all.
  Worker(Shared& shared, std::vector<serve::Listener> listeners, telemetry::Counters& counters,
         std::size_t number);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Opens the listeners, but for what is `given`; before root is dropped.
  [[nodiscard]] Result<void> open(std::vector<serve::OpenListener> given) {
    return server_.start(std::move(given));
  }
  /// Starts its own thread, which can do little else than answer once this returns.
  void run(helper::Confinement confinement);
  /// Switches to the published snapshot soon, and not only at the next query. Any thread.
  void refresh();
  /// Calls this when its turn comes. Any thread.
  void ask(std::function<void()> answer);
  /// Serves at these sockets as well, soon. Any thread, like the next.
  void adopt(serve::OpenListener open);
  void abandon(const std::string& policy);
  /// Accepts no more queries, and ends once all pending ones are answered, or at `deadline`. Any
  /// thread.
  void stop(Instant deadline);
  void join();

 private:
  void drain(Instant deadline);

  boost::asio::io_context loop_{1};
  forward::Forwarder forwarder_;
  engine::Engine engine_;
  serve::EngineHandler handler_;
  serve::DnsServer server_;
  boost::asio::steady_timer drained_;
  std::jthread thread_;
};

}  // namespace nxgate::workers
