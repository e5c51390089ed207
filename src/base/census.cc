#include "base/census.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <iterator>
#include <mutex>
#include <optional>
#include <tuple>
#include <utility>

#include "base/client_key.h"
#include "base/clock.h"

namespace nxgate {

void Census::Place::idle(Instant since) noexcept {
  entry_->since.store(since, std::memory_order_relaxed);
  entry_->busy.store(false, std::memory_order_relaxed);
}

void Census::Place::busy(Instant since) noexcept {
  entry_->since.store(since, std::memory_order_relaxed);
  entry_->busy.store(true, std::memory_order_relaxed);
}

std::optional<Census::Place> Census::admit(ClientKey client, std::function<void()> evict) {
  const std::lock_guard lock(mutex_);
  if (!has_room(client)) return std::nullopt;
  entries_.emplace_back(client, std::move(evict));
  ++per_client_[client];
  return Place(*this, std::prev(entries_.end()));
}

/// Walks over at most all connections, only when a limit is reached.
bool Census::has_room(ClientKey client) {
  const auto turn_away = [this](Bound bound) {
    turned_away_[static_cast<std::size_t>(bound)].fetch_add(1, std::memory_order_relaxed);
  };
  if (count_of(client) >= limits_.per_client) {
    turn_away(Bound::kClient);
    return make_room([client](ClientKey other) { return other == client; }, false);
  }
  if (entries_.size() < limits_.connections) return true;
  turn_away(Bound::kAll);
  std::size_t most = 0;
  for (const auto& [other, count] : per_client_) most = std::max(most, count);
  return make_room([this, most](ClientKey other) { return count_of(other) == most; },
                   count_of(client) < most);
}

std::size_t Census::connections() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

std::size_t Census::closing() const {
  const std::lock_guard lock(mutex_);
  return evicted_.size();
}

void Census::remove(Entries::iterator entry) noexcept {
  const std::lock_guard lock(mutex_);
  if (entry->evicted) {
    evicted_.erase(entry);
    return;
  }
  forget(entry->client);
  entries_.erase(entry);
}

void Census::forget(ClientKey client) noexcept {
  const auto known = per_client_.find(client);
  if (--known->second == 0) per_client_.erase(known);
}

std::size_t Census::count_of(ClientKey client) const noexcept {
  const auto known = per_client_.find(client);
  return known == per_client_.end() ? 0 : known->second;
}

/// Evicts, of the clients that are `chosen`, the connection that is idle for longest, or else if
/// wanted the busy one that has stalled longest; false if there is none.
template <class Chosen>
bool Census::make_room(Chosen chosen, bool busy_too) {
  auto first = entries_.end();
  std::tuple<bool, Instant> rank{busy_too, Instant::max()};
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    const std::tuple own{entry->busy.load(std::memory_order_relaxed),
                         entry->since.load(std::memory_order_relaxed)};
    if (own >= rank || !chosen(entry->client)) continue;
    first = entry;
    rank = own;
  }
  if (first == entries_.end()) return false;
  first->evicted = true;
  first->evict();
  forget(first->client);
  evicted_.splice(evicted_.end(), entries_, first);
  return true;
}

}  // namespace nxgate
