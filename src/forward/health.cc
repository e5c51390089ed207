#include "forward/health.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/clock.h"
#include "engine/snapshot.h"

namespace nxgate::forward {
namespace {

constexpr std::uint32_t kMissesUntilDown = 3;
constexpr Seconds kTrustAfterSuccess{10};
constexpr Seconds kDownAtFirst{5};
/// The table is tidied when it grows past this, as after many reloads.
constexpr std::size_t kManyGroups = 64;

}  // namespace

void ServerHealth::answered(Instant now, Microseconds rtt) noexcept {
  // As TCP does it (RFC 6298): one eighth of the new sample.
  const auto old = rtt_.load(std::memory_order_relaxed);
  const auto sample = std::max<Microseconds::rep>(rtt.count(), 1);
  rtt_.store(old == 0 ? sample : old + (sample - old) / 8, std::memory_order_relaxed);
  const auto slowest = slowest_.load(std::memory_order_relaxed);
  slowest_.store(std::max(sample, slowest - slowest / 64), std::memory_order_relaxed);
  reached(now);
}

void ServerHealth::reached(Instant now) noexcept {
  if (down(now)) {
    store(recovered_, now);
    store(down_until_, Instant{});
  }
  misses_.store(0, std::memory_order_relaxed);
  store(last_success_, now);
}

void ServerHealth::missed(Instant now, Microseconds waited) noexcept {
  if (waited > smoothed_rtt()) rtt_.store(waited.count(), std::memory_order_relaxed);
  if (replied_since(now - waited)) return;
  quirks.missed();
  const Instant::rep at = now.time_since_epoch().count();
  if (last_miss_.exchange(at, std::memory_order_relaxed) == at) return;
  const std::uint32_t misses = misses_.fetch_add(1, std::memory_order_relaxed) + 1;
  const Instant success = load(last_success_);
  const bool trusted = success != Instant{} && now - success < kTrustAfterSuccess;
  if (misses >= kMissesUntilDown || !trusted) {
    stay_down(std::max(load(down_until_), now + kDownAtFirst));
  }
}

void ServerHealth::age() noexcept {
  const auto old = rtt_.load(std::memory_order_relaxed);
  rtt_.store(old - old / 64, std::memory_order_relaxed);
}

bool GroupHealth::any_alive(Instant now) const noexcept {
  return std::ranges::any_of(servers_,
                             [now](const ServerHealth& server) { return !server.down(now); });
}

Plan GroupHealth::plan(Instant now) {
  const auto rtt = [this](std::size_t index) { return servers_[index].smoothed_rtt(); };
  Plan plan;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (servers_[i].down(now)) continue;
    const auto place = std::ranges::upper_bound(plan, rtt(i), {}, rtt);
    if (place == plan.end() && plan.size() == plan.capacity()) continue;
    const auto index = place - plan.begin();
    if (plan.size() == plan.capacity()) plan.pop_back();
    plan.insert(plan.begin() + index, i);
  }
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (!plan.empty() && i != plan.front() && !servers_[i].down(now)) servers_[i].age();
  }
  return plan;
}

Instant GroupHealth::recovered() const noexcept {
  Instant latest{};
  for (const ServerHealth& server : servers_) latest = std::max(latest, server.recovered());
  return latest;
}

std::shared_ptr<GroupHealth> HealthTable::of(const engine::UpstreamGroup& group) {
  const std::lock_guard lock(mutex_);
  const auto found = groups_.find(group.identity);
  if (found != groups_.end() && found->second->size() == group.servers.size()) {
    return found->second;
  }
  if (groups_.size() >= kManyGroups) {
    std::erase_if(groups_, [](const auto& entry) { return entry.second.use_count() == 1; });
  }
  auto health = std::make_shared<GroupHealth>(group.servers.size());
  groups_.insert_or_assign(group.identity, health);
  return health;
}

}  // namespace nxgate::forward
