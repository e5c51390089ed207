#include "forward/forwarder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "base/client_key.h"
#include "base/clock.h"
#include "base/snapshot.h"
#include "cache/cache.h"
#include "engine/snapshot.h"
#include "engine/upstream.h"
#include "forward/exchange.h"
#include "forward/group.h"
#include "forward/health.h"
#include "forward/in_flight.h"
#include "forward/probe.h"
#include "forward/race.h"

namespace nxgate::forward {

using engine::UpstreamFailure;

namespace {

/// Further questions that are given up are listened to no more, since each takes a socket.
constexpr std::size_t kMostLate = 256;

}  // namespace

Forwarder::Forwarder(boost::asio::io_context& loop, Shared& shared,
                     const SnapshotCell<engine::Snapshot>& snapshots, cache::Cache& cache)
    : loop_(loop),
      shared_(shared),
      snapshots_(snapshots),
      cache_(cache),
      resources_(std::make_unique<WorkerResources>(loop, cache.limits())) {}

Forwarder::~Forwarder() { shared_.in_flight.leave(loop_); }

void Forwarder::submit(const cache::Key& key, ClientKey client, engine::UpstreamCallback done) {
  std::shared_ptr<Group> group = find_group(key.group);
  if (!group || group->settings.servers.empty()) {
    return done({nullptr, UpstreamFailure::kNoServers});
  }
  const Instant now = Clock::now();
  GroupHealth& health = *group->health;
  health.note_interest(now);
  if (!health.any_alive(now) || shared_.failures.recall(key, health.recovered(), now)) {
    return done({nullptr, UpstreamFailure::kRemembered});
  }
  switch (shared_.in_flight.join(key, client, loop_, done)) {
    case InFlight::Joined::kFull:
      return done({nullptr, UpstreamFailure::kOverload});
    case InFlight::Joined::kJoined:
      return;
    case InFlight::Joined::kFirst:
      return idle_race().start(std::move(group), key, client, now);
  }
}

void Forwarder::refresh() {
  const auto* const seen = snapshots_.held().get();
  const auto& snapshot = snapshots_.refresh();
  if (snapshot.get() == seen) return;
  std::erase_if(groups_, [&snapshot](const std::shared_ptr<Group>& group) {
    return std::ranges::find(snapshot->groups, group->settings.identity,
                             &engine::UpstreamGroup::identity) == snapshot->groups.end();
  });
}

/// The group of that identity in the current snapshot.
std::shared_ptr<Group> Forwarder::find_group(std::uint32_t identity) {
  refresh();
  for (const std::shared_ptr<Group>& group : groups_) {
    if (group->settings.identity == identity) return group;
  }
  for (const engine::UpstreamGroup& settings : snapshots_.held()->groups) {
    if (settings.identity != identity) continue;
    return groups_.emplace_back(
        std::make_shared<Group>(settings, shared_.health.of(settings), *resources_));
  }
  return nullptr;
}

/// There are as many as there were questions in flight at once.
Race& Forwarder::idle_race() {
  if (idle_.empty()) {
    Race::Owner& owner = *this;
    races_.push_back(std::make_unique<Race>(*resources_, owner));
    return *races_.back();
  }
  Race& race = *idle_.back();
  idle_.pop_back();
  return race;
}

bool Forwarder::can_do_without(const Race& race) {
  return cache_.find(race.key(), Clock::now()) != nullptr;
}

Seconds Forwarder::gave_up(Race& race, UpstreamFailure failure, Instant now) {
  note_last(race, failure, now);
  const Seconds remembered = shared_.failures.remember(race.key(), failure, now);
  start_probes(race, now);
  shared_.in_flight.finish(race.key(), loop_, {nullptr, failure});
  ++late_;
  return late_ <= kMostLate ? remembered : Seconds(0);
}

void Forwarder::ended(Race& race, const engine::UpstreamResult& result) {
  const Instant now = Clock::now();
  if (result.answer || !race.late()) note_last(race, result.failure, now);
  if (result.answer) cache_.insert(result.answer, race.client());
  if (race.late()) {
    --late_;
    if (result.answer) shared_.failures.forget(race.key());
  } else if (!result.answer) {
    shared_.failures.remember(race.key(), result.failure, now);
  }
  start_probes(race, now);
  if (result.answer || !race.late()) shared_.in_flight.finish(race.key(), loop_, result);
  race.release();
  idle_.push_back(&race);
}

void Forwarder::note_last(const Race& race, UpstreamFailure failure, Instant now) {
  if (const auto last = race.last(failure, now)) shared_.last_exchanges.note(race.key(), *last);
}

void Forwarder::start_probes(const Race& race, Instant now) {
  const std::shared_ptr<Group>& group = race.group();
  for (std::size_t i = 0; i < group->health->size(); ++i) {
    if (!group->health->server(i).claim_probe(now)) continue;
    boost::asio::co_spawn(loop_, probe_until_back(*resources_, Probe{group, i, race.key()}),
                          boost::asio::detached);
  }
}

}  // namespace nxgate::forward
