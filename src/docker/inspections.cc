#include "docker/inspections.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"

namespace nxgate::docker {
namespace {

/// An inspection waits while its container is starting, and must not hold up all others.
constexpr std::size_t kSideBySide = 16;
/// Together with those that take long.
constexpr std::size_t kMostRunning = 128;
constexpr Milliseconds kLong{1000};

}  // namespace

void Inspections::want(const std::string& id) {
  if (const auto running = running_.find(id); running != running_.end()) {
    running->second.again = true;
  } else {
    put(id);
  }
}

void Inspections::put(const std::string& id) {
  if (queued_.insert(id).second) queue_.push_back(id);
}

void Inspections::want_due(Instant now) {
  for (auto& [id, failure] : failures_) {
    if (failure.due > now) continue;
    failure.due = Instant::max();
    want(id);
  }
}

std::optional<std::string> Inspections::begin(Instant now) {
  if (queue_.empty() || running_.size() >= kMostRunning) return std::nullopt;
  const auto young = std::ranges::count_if(
      running_, [&](const auto& each) { return now - each.second.since < kLong; });
  if (static_cast<std::size_t>(young) >= kSideBySide) return std::nullopt;
  std::string id = std::move(queue_.front());
  queue_.pop_front();
  queued_.erase(id);
  running_.emplace(id, Running{.since = now});
  return id;
}

bool Inspections::end(const std::string& id) {
  const auto ended = running_.extract(id);
  const bool again = !ended.empty() && ended.mapped().again;
  if (again) put(id);
  return again;
}

void Inspections::failed(const std::string& id, std::string why, Instant now) {
  const auto known = failures_.find(id);
  const Milliseconds wait =
      known == failures_.end() ? retry_ : std::min(2 * known->second.wait, longest_);
  failures_.insert_or_assign(id, Failure{std::move(why), wait, now + wait});
}

void Inspections::forget_failures(const std::function<bool(const std::string& id)>& which) {
  std::erase_if(failures_, [&](const auto& each) { return which(each.first); });
}

std::map<std::string, std::string> Inspections::failures() const {
  std::map<std::string, std::string> reasons;
  for (const auto& [id, failure] : failures_) reasons.emplace(id, failure.why);
  return reasons;
}

Instant Inspections::next_due(Instant now) const {
  Instant next = Instant::max();
  for (const auto& [id, failure] : failures_) next = std::min(next, failure.due);
  if (queue_.empty() || running_.size() >= kMostRunning) return next;
  for (const auto& [id, running] : running_) {
    if (running.since + kLong > now) next = std::min(next, running.since + kLong);
  }
  return next;
}

}  // namespace nxgate::docker
