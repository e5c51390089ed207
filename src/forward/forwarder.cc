#include "forward/forwarder.h"

#include <cstddef>
#include <cstdint>
#include <memory>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "base/snapshot.h"
#include "cache/cache.h"
#include "engine/snapshot.h"
#include "engine/upstream.h"
#include "forward/exchange.h"
#include "forward/health.h"
#include "forward/in_flight.h"
#include "forward/probe.h"
#include "forward/race.h"

namespace nxgate::forward {

using engine::UpstreamFailure;

Forwarder::Forwarder(boost::asio::io_context& loop, Shared& shared,
                     const SnapshotCell<engine::Snapshot>& snapshots, cache::Cache& cache)
    : loop_(loop),
      shared_(shared),
      snapshots_(snapshots),
      cache_(cache),
      bench_(std::make_unique<Bench>(loop, cache.limits())) {}

Forwarder::~Forwarder() { shared_.in_flight.leave(loop_); }

void Forwarder::submit(const cache::Key& key, engine::UpstreamCallback done) {
  const Group group = find_group(key.group);
  if (!group || group->servers.empty()) return done({nullptr, UpstreamFailure::kNoServers});
  const Instant now = Clock::now();
  const Health health = shared_.health.of(*group);
  health->note_interest(now);
  if (!health->any_alive(now) || shared_.failures.recall(key, health->recovered(), now)) {
    return done({nullptr, UpstreamFailure::kRemembered});
  }
  switch (shared_.in_flight.join(key, loop_, done)) {
    case InFlight::Joined::kFull:
      return done({nullptr, UpstreamFailure::kOverload});
    case InFlight::Joined::kJoined:
      return;
    case InFlight::Joined::kFirst:
      boost::asio::co_spawn(loop_, resolve(key, group, health), boost::asio::detached);
      return;
  }
}

/// The group of that identity in the current snapshot, which lives as long as it is held.
Forwarder::Group Forwarder::find_group(std::uint32_t identity) {
  const auto& snapshot = snapshots_.refresh();
  for (const engine::UpstreamGroup& group : snapshot->groups) {
    if (group.identity == identity) return {snapshot, &group};
  }
  return nullptr;
}

boost::asio::awaitable<void> Forwarder::resolve(cache::Key key, Group group, Health health) {
  const auto race = std::make_shared<Race>(*bench_, group, health, key);
  const engine::UpstreamResult result = co_await race->run();
  if (result.answer) {
    cache_.insert(result.answer);
  } else {
    shared_.failures.remember(key, result.failure, Clock::now());
  }
  start_probes(key, group, health);
  shared_.in_flight.finish(key, loop_, result);
}

void Forwarder::start_probes(const cache::Key& key, const Group& group, const Health& health) {
  for (std::size_t i = 0; i < health->size(); ++i) {
    if (!health->server(i).claim_probe(Clock::now())) continue;
    boost::asio::co_spawn(loop_, probe_until_back(*bench_, Probe{group, health, i, key}),
                          boost::asio::detached);
  }
}

}  // namespace nxgate::forward
