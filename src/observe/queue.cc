#include "observe/queue.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "engine/observer.h"

namespace nxgate::observe {
namespace {

std::size_t bytes_of(const engine::Event& event) noexcept {
  return event.query.size() + event.reply.size();
}

/// Has the event hold its messages.
void keep_messages(engine::Event& event) {
  auto bytes = std::make_shared<std::vector<std::uint8_t>>();
  bytes->reserve(bytes_of(event));
  bytes->insert(bytes->end(), event.query.begin(), event.query.end());
  bytes->insert(bytes->end(), event.reply.begin(), event.reply.end());
  event.query = Bytes(*bytes).first(event.query.size());
  event.reply = Bytes(*bytes).subspan(event.query.size());
  event.kept = std::move(bytes);
}

}  // namespace

bool Queue::put(const engine::Event& event) {
  if (events_.full()) return false;
  engine::Event copy = event;
  if (most_bytes_ == 0) {
    copy.query = copy.reply = {};
  } else {
    const std::size_t bytes = bytes_of(event);
    if (bytes > most_bytes_ - bytes_.load(std::memory_order_relaxed)) return false;
    keep_messages(copy);
    bytes_.fetch_add(bytes, std::memory_order_relaxed);
  }
  events_.put(std::move(copy));
  return true;
}

void Queue::offer(const engine::Event& event) noexcept {
  bool taken = false;
  try {
    taken = put(event);
  } catch (...) {
    taken = false;  // out of memory: the answer matters more than who hears of it
  }
  if (taken) return;
  dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

engine::Event Queue::pop() noexcept {
  engine::Event event = events_.pop();
  if (most_bytes_ != 0) bytes_.fetch_sub(bytes_of(event), std::memory_order_relaxed);
  return event;
}

}  // namespace nxgate::observe
