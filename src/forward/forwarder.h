// Asking upstream servers on behalf of one worker.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "base/client_key.h"
#include "base/snapshot.h"
#include "cache/cache.h"
#include "engine/snapshot.h"
#include "engine/upstream.h"
#include "forward/exchange.h"
#include "forward/failure_memory.h"
#include "forward/group.h"
#include "forward/health.h"
#include "forward/in_flight.h"
#include "forward/last_exchanges.h"
#include "forward/race.h"

namespace nxgate::forward {

/// What the forwarders of all workers share; every part guards itself. Must outlive them.
struct Shared {
  explicit Shared(const InFlight::Limits& limits = {}) : in_flight(limits) {}

  InFlight in_flight;
  HealthTable health;
  FailureMemory failures;
  LastExchanges last_exchanges;
};

/// The port `Upstream` over real servers: one a worker, used by the thread that runs `loop`.
///
/// A question that is asked already, by any worker, is joined; one that failed a moment ago, or
/// whose group has no server alive, fails at once. Groups are taken from the current snapshot by
/// identity; a question for one that a reload has removed fails with kNoServers. An answer is in
/// the cache before anybody hears of it. One that comes after its question was given up, while that
/// is remembered, is cached as well and ends the memory.
///
/// Destroy it when its loop has stopped, before the loop itself: callbacks not yet called are then
/// forgotten, and other workers that waited for its exchanges get kOverload.
class Forwarder final : public engine::Upstream, private Race::Owner {
 public:
  /// Everything must outlive it.
  Forwarder(boost::asio::io_context& loop, Shared& shared,
            const SnapshotCell<engine::Snapshot>& snapshots, cache::Cache& cache);
  ~Forwarder() override;
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  /// Takes up what was published, as `submit` does too; lets go of what was there before.
  void refresh();
  void submit(const cache::Key& key, ClientKey client, engine::UpstreamCallback done) override;

 private:
  [[nodiscard]] std::shared_ptr<Group> find_group(std::uint32_t identity);
  [[nodiscard]] Race& idle_race();
  [[nodiscard]] bool can_do_without(const Race& race) override;
  [[nodiscard]] Seconds gave_up(Race& race, engine::UpstreamFailure failure, Instant now) override;
  void ended(Race& race, const engine::UpstreamResult& result) override;
  void start_probes(const Race& race, Instant now);
  void note_last(const Race& race, engine::UpstreamFailure failure, Instant now);

  boost::asio::io_context& loop_;
  Shared& shared_;
  SnapshotCell<engine::Snapshot>::Reader snapshots_;
  cache::Cache& cache_;
  std::unique_ptr<WorkerResources> resources_;
  std::vector<std::shared_ptr<Group>> groups_;
  std::vector<std::unique_ptr<Race>> races_;
  std::vector<Race*> idle_;
  std::size_t late_ = 0;  ///< how many races were given up and still listen
};

}  // namespace nxgate::forward
