#include "serve/tcp_census.h"

#include <atomic>
#include <cstddef>
#include <functional>
#include <iterator>
#include <mutex>
#include <optional>
#include <utility>

#include "base/address.h"
#include "base/clock.h"

namespace nxgate::serve {

void TcpCensus::Place::idle(Instant since) noexcept {
  entry_->idle_since.store(since, std::memory_order_relaxed);
}

void TcpCensus::Place::busy() noexcept { idle(Instant::max()); }

std::optional<TcpCensus::Place> TcpCensus::admit(const IpAddress& client,
                                                 std::function<void()> evict) {
  const std::lock_guard lock(mutex_);
  const auto known = per_client_.find(client);
  const std::size_t count = known == per_client_.end() ? 0 : known->second;
  if (count >= limits_.connections_per_client && !make_room(&client)) return std::nullopt;
  if (entries_.size() >= limits_.connections && !make_room(nullptr)) return std::nullopt;
  entries_.emplace_back(client, std::move(evict));
  ++per_client_[client];
  return Place(*this, std::prev(entries_.end()));
}

std::size_t TcpCensus::connections() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

void TcpCensus::remove(Entries::iterator entry) noexcept {
  const std::lock_guard lock(mutex_);
  if (entry->evicted) {
    evicted_.erase(entry);
    return;
  }
  forget(entry->client);
  entries_.erase(entry);
}

void TcpCensus::forget(const IpAddress& client) noexcept {
  const auto known = per_client_.find(client);
  if (--known->second == 0) per_client_.erase(known);
}

/// Evicts the longest idle connection, of `client` if given; false if there is none. A walk over at
/// most all connections, only when a limit is reached.
bool TcpCensus::make_room(const IpAddress* client) {
  auto oldest = entries_.end();
  Instant since = Instant::max();
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (client != nullptr && entry->client != *client) continue;
    const Instant idle = entry->idle_since.load(std::memory_order_relaxed);
    if (idle >= since) continue;
    oldest = entry;
    since = idle;
  }
  if (oldest == entries_.end()) return false;
  oldest->evicted = true;
  oldest->evict();
  forget(oldest->client);
  evicted_.splice(evicted_.end(), entries_, oldest);
  return true;
}

}  // namespace nxgate::serve
