#include "forward/in_flight.h"

#include <iterator>
#include <mutex>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "cache/cache.h"
#include "engine/upstream.h"

namespace nxgate::forward {

InFlight::Joined InFlight::join(const cache::Key& key, boost::asio::io_context& loop,
                                engine::UpstreamCallback& done) {
  Shard& in = shard(key);
  const std::lock_guard lock(in.mutex);
  // Two threads may both pass the check at the border; a bound needn't be exact.
  if (waiters_ >= limits_.waiters) return Joined::kFull;
  const auto found = in.entries.find(key);
  if (found != in.entries.end()) {
    ++waiters_;
    found->second.waiters.push_back({&loop, std::move(done)});
    return Joined::kJoined;
  }
  if (questions_ >= limits_.questions) return Joined::kFull;
  ++questions_;
  ++waiters_;
  Entry& entry = in.entries[key];
  entry.asker = &loop;
  entry.waiters.push_back({&loop, std::move(done)});
  return Joined::kFirst;
}

void InFlight::finish(const cache::Key& key, boost::asio::io_context& own,
                      const engine::UpstreamResult& result) {
  std::vector<Waiter> waiters;
  {
    Shard& in = shard(key);
    const std::lock_guard lock(in.mutex);
    const auto found = in.entries.find(key);
    if (found == in.entries.end()) return;
    waiters = std::move(found->second.waiters);
    in.entries.erase(found);
    --questions_;
    waiters_ -= waiters.size();
    // Posted under the lock, so that `leave` can promise that its loop is left alone.
    for (Waiter& waiter : waiters) {
      if (waiter.loop != &own) post(waiter, result);
    }
  }
  for (Waiter& waiter : waiters) {
    if (waiter.loop == &own) waiter.done(result);
  }
}

void InFlight::leave(boost::asio::io_context& loop) {
  std::vector<Waiter> dropped;  // destroyed outside the locks
  for (Shard& each : shards_) {
    const std::lock_guard lock(each.mutex);
    for (auto entry = each.entries.begin(); entry != each.entries.end();) {
      const bool orphaned = entry->second.asker == &loop;
      std::vector<Waiter> staying;
      for (Waiter& waiter : entry->second.waiters) {
        if (waiter.loop == &loop) {
          --waiters_;
          dropped.push_back(std::move(waiter));
        } else if (orphaned) {
          --waiters_;
          post(waiter, {nullptr, engine::UpstreamFailure::kOverload});
        } else {
          staying.push_back(std::move(waiter));
        }
      }
      entry->second.waiters = std::move(staying);
      if (orphaned) --questions_;
      entry = orphaned ? each.entries.erase(entry) : std::next(entry);
    }
  }
}

void InFlight::post(Waiter& waiter, const engine::UpstreamResult& result) {
  boost::asio::post(*waiter.loop,
                    [done = std::move(waiter.done), result]() mutable { done(result); });
}

}  // namespace nxgate::forward
