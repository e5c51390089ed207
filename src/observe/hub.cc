#include "observe/hub.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "engine/observer.h"

namespace nxgate::observe {

Tap::Tap(Hub& hub, Filter filter, std::size_t most, std::size_t most_bytes)
    : hub_(hub), filter_(std::move(filter)), most_(most), most_bytes_(most_bytes) {
  hub_.add(*this);
}

Tap::~Tap() { hub_.remove(*this); }

std::vector<engine::Event> Tap::take() {
  std::vector<engine::Event> taken;
  const std::lock_guard lock(mutex_);
  taken.swap(waiting_);
  waiting_bytes_ = 0;
  return taken;
}

engine::Event Tap::copy_of(const engine::Event& event) const {
  engine::Event copy = event;
  copy.query = copy.reply = {};
  if (most_bytes_ == 0) return copy;
  auto bytes = std::make_shared<std::vector<std::uint8_t>>();
  bytes->reserve(event.query.size() + event.reply.size());
  bytes->insert(bytes->end(), event.query.begin(), event.query.end());
  bytes->insert(bytes->end(), event.reply.begin(), event.reply.end());
  copy.query = Bytes(*bytes).first(event.query.size());
  copy.reply = Bytes(*bytes).subspan(event.query.size());
  copy.kept = std::move(bytes);
  return copy;
}

void Tap::offer(const engine::Event& event) noexcept {
  if (!filter_(event)) return;
  try {
    const std::size_t bytes = most_bytes_ == 0 ? 0 : event.query.size() + event.reply.size();
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < most_ && bytes <= most_bytes_ - waiting_bytes_) {
      waiting_.push_back(copy_of(event));
      waiting_bytes_ += bytes;
      return;
    }
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
  recount();
}

void Hub::remove(Tap& tap) noexcept {
  const std::lock_guard lock(mutex_);
  std::erase(taps_, &tap);
  recount();
}

void Hub::recount() noexcept {
  any_.store(!taps_.empty(), std::memory_order_relaxed);
  any_keeps_.store(std::ranges::any_of(taps_, [](const Tap* tap) { return tap->most_bytes_ != 0; }),
                   std::memory_order_relaxed);
}

}  // namespace nxgate::observe
