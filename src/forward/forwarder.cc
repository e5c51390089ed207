#include "forward/forwarder.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/snapshot.h"
#include "cache/cache.h"
#include "engine/snapshot.h"
#include "engine/upstream.h"
#include "forward/attempt.h"
#include "forward/health.h"
#include "forward/in_flight.h"
#include "forward/race.h"
#include "sys/netns.h"
#include "wire/answer.h"
#include "wire/query.h"
#include "wire/types.h"

namespace nxgate::forward {
namespace {

namespace asio = boost::asio;
using engine::UpstreamFailure;

/// A server isn't given up for the next one sooner than this, however fast it used to be.
constexpr Milliseconds kLeastPatience{100};
constexpr Milliseconds kFirstProbePause{250};
constexpr Milliseconds kLongestProbePause{5000};
constexpr Seconds kProbeWhileWanted{60};

/// How long to wait for this server before the next attempt is started beside it.
Milliseconds patience(const engine::UpstreamGroup& group, const Health& health,
                      std::size_t attempts) {
  const Milliseconds share = group.timeout / static_cast<int>(attempts + 1);
  const auto usual = std::chrono::duration_cast<Milliseconds>(3 * health.round_trip());
  return usual.count() == 0 ? share : std::clamp(usual, std::min(kLeastPatience, share), share);
}

std::string text_of(const engine::UpstreamGroup& group, std::size_t server) {
  return group.name + ' ' + group.servers[server].endpoint.to_string() +
         (group.netns.empty() ? "" : "@" + group.netns);
}

}  // namespace

Forwarder::Forwarder(asio::io_context& loop, const SnapshotCell<engine::Snapshot>& snapshots,
                     cache::Cache& cache, Shared& shared)
    : loop_(loop),
      snapshots_(snapshots),
      cache_(cache),
      shared_(shared),
      scratch_(std::make_unique<wire::ScrubbedAnswer>()) {}

Forwarder::~Forwarder() { shared_.in_flight.abandon(loop_); }

std::vector<Forwarder::Server> Forwarder::servers_of(std::uint32_t group_identity) {
  const auto& snapshot = snapshots_.refresh();
  const auto group =
      std::ranges::find(snapshot->groups, group_identity, &engine::UpstreamGroup::identity);
  std::vector<Server> servers;
  if (group == snapshot->groups.end()) return servers;
  for (std::size_t i = 0; i < group->servers.size(); ++i) {
    servers.push_back({snapshot, &*group, i, shared_.health.of(group_identity, i)});
  }
  return servers;
}

void Forwarder::submit(const cache::Key& key, engine::UpstreamCallback done) {
  const Instant now = Clock::now();
  std::vector<Server> servers = servers_of(key.group);
  if (servers.empty()) return done({nullptr, UpstreamFailure::kNoServers});
  for (const Server& server : servers) {
    server.health->wanted(now);
    if (server.health->down()) probe(server);
  }
  std::erase_if(servers, [](const Server& server) { return server.health->down(); });
  if (servers.empty() || shared_.failures.failed_recently(key, now)) {
    return done({nullptr, UpstreamFailure::kRemembered});
  }
  Waiter waiter{&loop_, std::move(done)};
  switch (shared_.in_flight.join(key, waiter)) {
    case InFlight::Joined::kFull:
      return waiter.done({nullptr, UpstreamFailure::kOverload});
    case InFlight::Joined::kWaiting:
      return;
    case InFlight::Joined::kFirst:
      break;
  }
  std::ranges::stable_sort(servers, {},
                           [](const Server& server) { return server.health->round_trip(); });
  asio::co_spawn(loop_, inquiry(key, std::move(servers)), asio::detached);
}

asio::awaitable<void> Forwarder::inquiry(cache::Key key, std::vector<Server> servers) {
  const Instant started = Clock::now();
  const engine::UpstreamGroup& group = *servers.front().group;
  const Instant deadline = started + group.timeout;
  const std::size_t attempts = std::clamp<std::size_t>(servers.size(), 2, kMostAttempts);
  const auto race = std::make_shared<Race>(loop_.get_executor(), servers.size());
  for (std::size_t i = 0; i < attempts && !race->answer(); ++i) {
    const std::size_t place = i % servers.size();
    if (race->hopeless(place)) continue;
    const Server& server = servers[place];
    race->started();
    asio::co_spawn(loop_, run(race, server, key, place, deadline), asio::detached);
    const Instant next = Clock::now() + patience(group, *server.health, attempts);
    co_await race->settle(std::min(next, deadline));
    const bool silent = !race->answer() && !race->hopeless(place);
    if (silent && !server.health->answered_since(started)) probe(server);
  }
  co_await race->settle(deadline);
  if (race->answer()) {
    finish(key, {race->answer(), UpstreamFailure::kNone});
  } else {
    shared_.failures.remember(key, Clock::now());
    finish(key, {nullptr, race->failure()});
  }
}

asio::awaitable<void> Forwarder::run(std::shared_ptr<Race> race, Server server, cache::Key key,
                                     std::size_t place, Instant deadline) {
  const Instant started = Clock::now();
  AttemptSpec spec{.question = key.question,
                   .dnssec_ok = key.dnssec_ok,
                   .checking_disabled = key.checking_disabled,
                   .server = server.group->servers[server.index],
                   .netns = sys::NetnsRef(server.group->netns),
                   .deadline = deadline};
  const Attempted end = co_await attempt(std::move(spec), *scratch_);
  const Instant now = Clock::now();
  std::shared_ptr<const cache::Answer> answer;
  switch (end) {
    case Attempted::kAnswered:
      answer = cache::make_answer(key, *scratch_, cache_.limits(), now);
      [[fallthrough]];
    case Attempted::kRefused:
      server.health->answered(std::chrono::duration_cast<std::chrono::microseconds>(now - started),
                              now);
      break;
    case Attempted::kMalformed:
      log::repeated("malformed " + text_of(*server.group, server.index),
                    "upstream " + text_of(*server.group, server.index) + " sent a malformed answer");
      break;
    case Attempted::kUnreachable:
      probe(server);
      break;
    case Attempted::kSilent:
      break;
  }
  race->ended(place, end, std::move(answer));
}

void Forwarder::finish(const cache::Key& key, const engine::UpstreamResult& result) {
  if (result.answer) cache_.insert(result.answer);
  for (Waiter& waiter : shared_.in_flight.take(key)) {
    if (waiter.home == &loop_) {
      waiter.done(result);
    } else {
      asio::post(*waiter.home,
                 [done = std::move(waiter.done), result]() mutable { done(result); });
    }
  }
}

void Forwarder::probe(const Server& server) {
  if (!server.health->claim_probe()) return;
  asio::co_spawn(loop_, watch(server), asio::detached);
}

/// Probes a server until it answers or nobody wants it any more.
asio::awaitable<void> Forwarder::watch(Server server) {
  const std::string name = text_of(*server.group, server.index);
  asio::steady_timer timer(loop_);
  for (Milliseconds pause = kFirstProbePause;; pause = std::min(2 * pause, kLongestProbePause)) {
    const Instant started = Clock::now();
    AttemptSpec spec{.question = {wire::DomainName{}, wire::Type::kNs, wire::Class::kIn},
                     .server = server.group->servers[server.index],
                     .netns = sys::NetnsRef(server.group->netns),
                     .deadline = started + server.group->timeout};
    const Attempted end = co_await attempt(std::move(spec), *scratch_);
    const Instant now = Clock::now();
    if (end != Attempted::kSilent && end != Attempted::kUnreachable) {
      if (server.health->down()) log::info("upstream {} answers again", name);
      server.health->answered(std::chrono::duration_cast<std::chrono::microseconds>(now - started),
                              now);
      shared_.failures.forget_group(server.group->identity);
      break;
    }
    if (!server.health->down()) {
      log::repeated("down " + name,
                    "upstream " + name +
                        (end == Attempted::kSilent ? " does not answer" : " is unreachable") +
                        "; it is probed until it does");
    }
    server.health->went_down();
    if (!server.health->wanted_since(now - kProbeWhileWanted)) break;
    timer.expires_after(pause);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  server.health->release_probe();
}

}  // namespace nxgate::forward
