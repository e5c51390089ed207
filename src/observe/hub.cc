#include "observe/hub.h"

#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include "engine/observer.h"

namespace nxgate::observe {

Tap::Tap(Hub& hub, Filter filter, std::size_t most)
    : hub_(hub), filter_(std::move(filter)), most_(most) {
  hub_.add(*this);
}

Tap::~Tap() { hub_.remove(*this); }

std::vector<engine::Event> Tap::take() {
  std::vector<engine::Event> taken;
  const std::lock_guard lock(mutex_);
  taken.swap(waiting_);
  return taken;
}

void Tap::offer(const engine::Event& event) noexcept {
  if (!filter_(event)) return;
  try {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < most_) return waiting_.push_back(event);
  } catch (...) {  // out of memory: the answer matters more than who hears of it
  }
  dropped_.fetch_add(1, std::memory_order_relaxed);
  hub_.dropped_.fetch_add(1, std::memory_order_relaxed);
}

void Hub::saw(engine::Event event) noexcept {
  const std::lock_guard lock(mutex_);
  for (Tap* const tap : taps_) tap->offer(event);
}

std::size_t Hub::taps() const {
  const std::lock_guard lock(mutex_);
  return taps_.size();
}

void Hub::add(Tap& tap) {
  const std::lock_guard lock(mutex_);
  taps_.push_back(&tap);
  any_.store(true, std::memory_order_relaxed);
}

void Hub::remove(Tap& tap) noexcept {
  const std::lock_guard lock(mutex_);
  std::erase(taps_, &tap);
  any_.store(!taps_.empty(), std::memory_order_relaxed);
}

}  // namespace nxgate::observe
