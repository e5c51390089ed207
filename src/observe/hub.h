// What workers answered, handed to whoever looks: watchers, logs, the learner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/snapshot.h"
#include "engine/observer.h"
#include "observe/queue.h"

namespace nxgate::observe {

class Hub;

/// Which events somebody wants. Asked on the workers' threads, by several at once: no lock, no
/// allocation.
using Filter = std::function<bool(const engine::Event&)>;

/// The events that somebody has yet to take: a queue from each worker, so that no worker waits for
/// a reader or for another worker. What doesn't fit is dropped and counted. A worker may still
/// offer to a tap that was just closed, so both share this.
struct TapQueues {
  Filter filter;
  bool keeps_messages = false;
  std::vector<std::unique_ptr<Queue>> of_worker;

  [[nodiscard]] std::uint64_t dropped() const noexcept;
};

/// Holds up to `most` events in all, of which each worker has its share (Hub::kLeastWaiting at
/// least). With `most_bytes` they come with their messages, up to so many octets of them in all;
/// without it they have none. Made and closed on any thread; one thread at a time takes.
class Tap {
 public:
  Tap(Hub& hub, Filter filter, std::size_t most, std::size_t most_bytes);
  ~Tap();
  Tap(const Tap&) = delete;
  Tap& operator=(const Tap&) = delete;

  /// What came since the last call, in the order in which it was answered; no more than `most` of
  /// it, the rest waits. Fewer are all.
  [[nodiscard]] std::vector<engine::Event> take(std::size_t most = SIZE_MAX);
  /// How many were dropped since the last call of this.
  [[nodiscard]] std::uint64_t take_dropped() noexcept;
  /// How many were dropped so far. Any thread.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return queues_->dropped(); }

 private:
  friend class Hub;

  Hub& hub_;
  const std::shared_ptr<TapQueues> queues_;
  std::uint64_t told_dropped_ = 0;
};

/// Has an observer for each worker. It must outlive these and its taps. Any thread; an answer costs
/// no shared memory as long as there is no tap.
class Hub {
 public:
  static constexpr std::size_t kMostWaiting = 4096;
  /// The least share of a worker, unless its tap holds less in all.
  static constexpr std::size_t kLeastWaiting = 4096;
  static constexpr std::size_t kLeastBytes = 1U << 20;

  explicit Hub(std::size_t workers = 1);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  /// That of one worker, for its thread alone.
  [[nodiscard]] engine::Observer& observer(std::size_t worker) noexcept;

  [[nodiscard]] std::unique_ptr<Tap> open(Filter filter, std::size_t most = kMostWaiting,
                                          std::size_t most_bytes = 0) {
    return std::make_unique<Tap>(*this, std::move(filter), most, most_bytes);
  }

  [[nodiscard]] std::size_t taps() const;
  /// Of all taps so far.
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  friend class Tap;
  class WorkerObserver;
  using OpenTaps = std::vector<std::shared_ptr<TapQueues>>;

  [[nodiscard]] std::shared_ptr<TapQueues> add(Filter filter, std::size_t most,
                                               std::size_t most_bytes);
  void remove(const std::shared_ptr<TapQueues>& tap);

  mutable std::mutex mutex_;  ///< of who opens and closes; no worker takes it
  SnapshotCell<OpenTaps> taps_;
  std::uint64_t dropped_ = 0;  ///< by those that were closed
  std::vector<std::unique_ptr<WorkerObserver>> observers_;
};

}  // namespace nxgate::observe
