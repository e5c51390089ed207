#include "observe/hub.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/snapshot.h"
#include "engine/observer.h"
#include "observe/queue.h"

namespace nxgate::observe {
namespace {

/// What one of so many workers may have of `most`.
std::size_t share_of(std::size_t most, std::size_t workers, std::size_t least) noexcept {
  return std::min(most, std::max(most / workers, least));
}

}  // namespace

/// One worker's end of all taps.
class Hub::WorkerObserver final : public engine::Observer {
 public:
  WorkerObserver(const SnapshotCell<OpenTaps>& taps, std::size_t worker)
      : taps_(taps), worker_(worker) {
    refresh();
  }

  void refresh() noexcept override {
    const OpenTaps& open = *taps_.refresh();
    interested_ = !open.empty();
    wants_messages_ = std::ranges::any_of(open, &TapQueues::keeps_messages);
  }
  [[nodiscard]] bool interested() const noexcept override { return interested_; }
  [[nodiscard]] bool wants_messages() const noexcept override { return wants_messages_; }
  void saw(const engine::Event& event) noexcept override {
    for (const auto& tap : *taps_.held()) {
      if (tap->filter(event)) tap->of_worker[worker_]->offer(event);
    }
  }

 private:
  SnapshotCell<OpenTaps>::Reader taps_;
  const std::size_t worker_;
  bool interested_ = false;
  bool wants_messages_ = false;
};

std::uint64_t TapQueues::dropped() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& queue : of_worker) sum += queue->dropped();
  return sum;
}

Tap::Tap(Hub& hub, Filter filter, std::size_t most, std::size_t most_bytes)
    : hub_(hub), queues_(hub.add(std::move(filter), most, most_bytes)) {}

Tap::~Tap() {
  hub_.remove(queues_);
  // A worker that hasn't looked since keeps the queues, but no snapshot by what is in them.
  (void)take();
}

std::vector<engine::Event> Tap::take(std::size_t most) {
  // What is answered from now on is for the next call, so that a question which followed an answer
  // never stands before it, whichever workers they went to.
  const Instant until = Clock::now();
  const auto earliest = [this, until] {
    Queue* first = nullptr;
    for (const auto& queue : queues_->of_worker) {
      const engine::Event* const event = queue->front();
      if (event == nullptr || event->concluded > until) continue;
      if (first == nullptr || event->concluded < first->front()->concluded) first = queue.get();
    }
    return first;
  };
  std::size_t waiting = 0;
  for (const auto& queue : queues_->of_worker) waiting += queue->size();
  std::vector<engine::Event> taken;
  taken.reserve(std::min(waiting, most));
  while (taken.size() < most) {
    Queue* const queue = earliest();
    if (queue == nullptr) break;
    taken.push_back(queue->pop());
  }
  return taken;
}

std::uint64_t Tap::take_dropped() noexcept {
  const std::uint64_t dropped = queues_->dropped();
  return dropped - std::exchange(told_dropped_, dropped);
}

Hub::Hub(std::size_t workers) : taps_(std::make_shared<const OpenTaps>()) {
  for (std::size_t i = 0; i < workers; ++i) {
    observers_.push_back(std::make_unique<WorkerObserver>(taps_, i));
  }
}

Hub::~Hub() = default;

engine::Observer& Hub::observer(std::size_t worker) noexcept { return *observers_[worker]; }

std::size_t Hub::taps() const { return taps_.load()->size(); }

std::uint64_t Hub::dropped() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t sum = dropped_;
  for (const auto& tap : *taps_.load()) sum += tap->dropped();
  return sum;
}

std::shared_ptr<TapQueues> Hub::add(Filter filter, std::size_t most, std::size_t most_bytes) {
  auto tap = std::make_shared<TapQueues>();
  tap->filter = std::move(filter);
  tap->keeps_messages = most_bytes != 0;
  const std::size_t workers = observers_.size();
  for (std::size_t i = 0; i < workers; ++i) {
    tap->of_worker.push_back(std::make_unique<Queue>(share_of(most, workers, kLeastWaiting),
                                                     share_of(most_bytes, workers, kLeastBytes)));
  }
  const std::lock_guard lock(mutex_);
  auto open = std::make_shared<OpenTaps>(*taps_.load());
  open->push_back(tap);
  taps_.publish(std::move(open));
  return tap;
}

void Hub::remove(const std::shared_ptr<TapQueues>& tap) {
  const std::lock_guard lock(mutex_);
  auto open = std::make_shared<OpenTaps>(*taps_.load());
  std::erase(*open, tap);
  taps_.publish(std::move(open));
  dropped_ += tap->dropped();
}

}  // namespace nxgate::observe
