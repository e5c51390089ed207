// One worker's access to the upstreams.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "base/snapshot.h"
#include "cache/cache.h"
#include "engine/snapshot.h"
#include "engine/upstream.h"
#include "forward/attempt.h"
#include "forward/failure_memory.h"
#include "forward/health.h"
#include "forward/in_flight.h"
#include "forward/race.h"
#include "wire/answer.h"

namespace nxgate::forward {

/// What the workers' forwarders have in common. Must outlive them.
struct Shared {
  InFlight in_flight;
  HealthTable health;
  FailureMemory failures;
};

/// Puts questions to upstream groups. Used by its worker's thread alone; destroy it before its loop
/// and after that has stopped, without waiting for what is in flight.
///
/// A question goes to the fastest server that isn't down; when that is silent for its share of the
/// group's timeout, or fails, the next is asked while the first may still answer. A lone server is
/// asked twice. No client query costs more than kMostAttempts of these and one probe.
class Forwarder final : public engine::Upstream {
 public:
  static constexpr std::size_t kMostAttempts = 4;

  Forwarder(boost::asio::io_context& loop, const SnapshotCell<engine::Snapshot>& snapshots,
            cache::Cache& cache, Shared& shared);
  ~Forwarder() override;
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  void submit(const cache::Key& key, engine::UpstreamCallback done) override;

 private:
  /// One server of a group, and all that an attempt needs to know of it. Holds its snapshot.
  struct Server {
    std::shared_ptr<const engine::Snapshot> snapshot;
    const engine::UpstreamGroup* group = nullptr;
    std::size_t index = 0;
    std::shared_ptr<Health> health;
  };

  [[nodiscard]] std::vector<Server> servers_of(std::uint32_t group_identity);
  boost::asio::awaitable<void> inquiry(cache::Key key, std::vector<Server> servers);
  boost::asio::awaitable<void> run(std::shared_ptr<Race> race, Server server, cache::Key key,
                                   std::size_t place, Instant deadline);
  void finish(const cache::Key& key, const engine::UpstreamResult& result);
  void probe(const Server& server);
  boost::asio::awaitable<void> watch(Server server);

  boost::asio::io_context& loop_;
  SnapshotCell<engine::Snapshot>::Reader snapshots_;
  cache::Cache& cache_;
  Shared& shared_;
  std::unique_ptr<wire::ScrubbedAnswer> scratch_;
};

}  // namespace nxgate::forward
