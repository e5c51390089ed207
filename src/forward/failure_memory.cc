#include "forward/failure_memory.h"

#include <mutex>
#include <unordered_map>

#include "base/clock.h"
#include "cache/cache.h"
#include "engine/upstream.h"

namespace nxgate::forward {
namespace {

Seconds kept_for(engine::UpstreamFailure failure) noexcept {
  switch (failure) {
    case engine::UpstreamFailure::kTimeout:
      return Seconds(5);
    case engine::UpstreamFailure::kBadAnswer:
      return Seconds(2);
    case engine::UpstreamFailure::kUnreachable:
      return Seconds(1);
    case engine::UpstreamFailure::kNone:
    case engine::UpstreamFailure::kNoServers:
    case engine::UpstreamFailure::kRemembered:
    case engine::UpstreamFailure::kOverload:
      return Seconds(0);
  }
  return Seconds(0);
}

}  // namespace

Seconds FailureMemory::remember(const cache::Key& key, engine::UpstreamFailure failure,
                                Instant now) {
  const Seconds time = kept_for(failure);
  if (time == Seconds(0)) return time;
  const std::lock_guard lock(mutex_);
  if (failures_.size() >= most_) {
    std::erase_if(failures_, [now](const auto& entry) { return entry.second.until <= now; });
    if (failures_.size() >= most_) return Seconds(0);
  }
  failures_.insert_or_assign(key, Failure{now, now + time});
  return time;
}

void FailureMemory::forget(const cache::Key& key) {
  const std::lock_guard lock(mutex_);
  failures_.erase(key);
}

bool FailureMemory::recall(const cache::Key& key, Instant since, Instant now) {
  const std::lock_guard lock(mutex_);
  const auto found = failures_.find(key);
  if (found == failures_.end()) return false;
  if (now < found->second.until && since <= found->second.at) return true;
  failures_.erase(found);
  return false;
}

void FailureMemory::clear() {
  const std::lock_guard lock(mutex_);
  failures_.clear();
}

}  // namespace nxgate::forward
