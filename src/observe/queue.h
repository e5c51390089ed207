// Events on their way from one worker to one tap.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "engine/observer.h"
#include "observe/ring.h"

namespace nxgate::observe {

/// A ring of events, and of no more octets of messages than `most_bytes`; without any, events come
/// without messages. What is beyond is dropped and counted. One worker offers, one thread takes.
class Queue {
 public:
  Queue(std::size_t most, std::size_t most_bytes) : events_(most), most_bytes_(most_bytes) {}

  void offer(const engine::Event& event) noexcept;

  /// The oldest; null if there is none.
  [[nodiscard]] const engine::Event* front() noexcept { return events_.front(); }
  /// Only if `front` gave one.
  [[nodiscard]] engine::Event pop() noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return events_.size(); }

  /// So far. Any thread.
  [[nodiscard]] std::uint64_t dropped() const noexcept {
    return dropped_.load(std::memory_order_relaxed);
  }

 private:
  [[nodiscard]] bool put(const engine::Event& event);

  Ring<engine::Event> events_;
  const std::size_t most_bytes_;
  std::atomic<std::size_t> bytes_{0};  ///< of the messages in the ring
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace nxgate::observe
