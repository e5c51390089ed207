#include "forward/in_flight.h"

#include <mutex>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "base/client_key.h"
#include "cache/cache.h"
#include "engine/upstream.h"

namespace nxgate::forward {

InFlight::Joined InFlight::join(const cache::Key& key, ClientKey client,
                                boost::asio::io_context& loop, engine::UpstreamCallback& done) {
  Shard& in = shard(key);
  const std::lock_guard lock(in.mutex);
  if (!waiters_.take(client)) return Joined::kFull;
  const auto found = in.entries.find(key);
  if (found != in.entries.end()) {
    found->second.more.push_back({&loop, client, std::move(done)});
    return Joined::kJoined;
  }
  if (!questions_.take(client)) {
    waiters_.give_back(client);
    return Joined::kFull;
  }
  in.entries.emplace(key, Entry{.first = {&loop, client, std::move(done)}, .more = {}});
  return Joined::kFirst;
}

void InFlight::finish(const cache::Key& key, boost::asio::io_context& own,
                      const engine::UpstreamResult& result) {
  Entry entry;
  {
    Shard& in = shard(key);
    const std::lock_guard lock(in.mutex);
    const auto found = in.entries.find(key);
    if (found == in.entries.end()) return;
    entry = std::move(found->second);
    in.entries.erase(found);
    questions_.give_back(entry.first.client);
    waiters_.give_back(entry.first.client);
    for (const Waiter& waiter : entry.more) waiters_.give_back(waiter.client);
    // Posted under the lock, so that `leave` can promise that its loop is left alone.
    if (entry.first.loop != &own) post(entry.first, result);
    for (Waiter& waiter : entry.more) {
      if (waiter.loop != &own) post(waiter, result);
    }
  }
  if (entry.first.loop == &own) entry.first.done(result);
  for (Waiter& waiter : entry.more) {
    if (waiter.loop == &own) waiter.done(result);
  }
}

void InFlight::leave(boost::asio::io_context& loop) {
  std::vector<Waiter> dropped;  // destroyed outside the locks
  for (Shard& each : shards_) {
    const std::lock_guard lock(each.mutex);
    for (auto entry = each.entries.begin(); entry != each.entries.end();) {
      const bool orphaned = entry->second.first.loop == &loop;
      std::vector<Waiter> staying;
      for (Waiter& waiter : entry->second.more) {
        const ClientKey client = waiter.client;
        if (waiter.loop == &loop) {
          dropped.push_back(std::move(waiter));
        } else if (orphaned) {
          post(waiter, {nullptr, engine::UpstreamFailure::kOverload});
        } else {
          staying.push_back(std::move(waiter));
          continue;
        }
        waiters_.give_back(client);
      }
      entry->second.more = std::move(staying);
      if (!orphaned) {
        ++entry;
        continue;
      }
      const ClientKey client = entry->second.first.client;
      dropped.push_back(std::move(entry->second.first));
      waiters_.give_back(client);
      questions_.give_back(client);
      each.entries.erase(entry++);
    }
  }
}

void InFlight::post(Waiter& waiter, const engine::UpstreamResult& result) {
  boost::asio::post(*waiter.loop,
                    [done = std::move(waiter.done), result]() mutable { done(result); });
}

}  // namespace nxgate::forward
