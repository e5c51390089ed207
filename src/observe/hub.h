// What workers answered, handed to whoever looks: watchers, logs, the learner.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/observer.h"

namespace nxgate::observe {

class Hub;

/// Which events somebody wants. Asked on the workers' threads: no lock, no allocation.
using Filter = std::function<bool(const engine::Event&)>;

/// Holds the events that somebody has yet to take, up to a bound; what is beyond is dropped and
/// counted, so that no answer ever waits for a reader. Any thread.
///
/// With `most_bytes` events come with their messages, up to so many bytes of them in all; without
/// it they have none.
class Tap {
 public:
  Tap(Hub& hub, Filter filter, std::size_t most, std::size_t most_bytes);
  ~Tap();
  Tap(const Tap&) = delete;
  Tap& operator=(const Tap&) = delete;

  /// All that came since the last call, in the order of each worker.
  [[nodiscard]] std::vector<engine::Event> take();
  /// How many were dropped since the last call of this.
  [[nodiscard]] std::uint64_t take_dropped() noexcept { return dropped_.exchange(0); }
  /// The same, without beginning anew.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_.load(); }

 private:
  friend class Hub;
  void offer(const engine::Event& event) noexcept;
  [[nodiscard]] engine::Event copy_of(const engine::Event& event) const;

  Hub& hub_;
  const Filter filter_;
  const std::size_t most_;
  const std::size_t most_bytes_;
  std::mutex mutex_;
  std::vector<engine::Event> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::atomic<std::uint64_t> dropped_{0};
};

/// The observer of all workers. It must outlive its taps. Any thread; costs an atomic load an
/// answer as long as there is no tap.
class Hub final : public engine::Observer {
 public:
  static constexpr std::size_t kMostWaiting = 4096;

  [[nodiscard]] std::unique_ptr<Tap> open(Filter filter, std::size_t most = kMostWaiting,
                                          std::size_t most_bytes = 0) {
    return std::make_unique<Tap>(*this, std::move(filter), most, most_bytes);
  }

  [[nodiscard]] bool interested() const noexcept override {
    return any_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool wants_messages() const noexcept override {
    return any_keeps_.load(std::memory_order_relaxed);
  }
  void saw(engine::Event event) noexcept override;

  [[nodiscard]] std::size_t taps() const;
  /// Of all taps so far.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  friend class Tap;
  void add(Tap& tap);
  void remove(Tap& tap) noexcept;
  void recount() noexcept;

  std::atomic<bool> any_{false};
  std::atomic<bool> any_keeps_{false};
  mutable std::mutex mutex_;
  std::vector<Tap*> taps_;
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace nxgate::observe
